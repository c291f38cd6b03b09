import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveClip } from '../../lib/clip/checkpoint/index.js';
import { FORMATS } from '../../lib/data/formats/listing.js';
import { openPictures } from '../../lib/data/openPictures.js';
import { ready } from '../../lib/runtime/ready.js';
import { cli } from '../support/cli.js';
import { layouts } from '../support/layouts.js';
import { tinyClip } from '../support/tinyClip.js';

const root = mkdtempSync(join(tmpdir(), 'vl-ltr-formats-'));
const at = (...names: string[]): string => join(root, ...names);
const config = (run: string) => JSON.parse(readFileSync(at(run, 'config.json'), 'utf8'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeAll(async () => {
  await ready({ backend: 'cpu', kernels: 'tfjs' });
  for (const format of FORMATS) await layouts[format](at(format));
  const model = tinyClip(await openPictures(at('folder'), { imageSize: 16 }));
  await saveClip(at('clip.safetensors'), model.config, model.params);
});

const FAST = ['--from', at('clip.safetensors'), '--steps', '2', '--batch', '4', '--augment', 'none'];

it.each(FORMATS)('%s is checked', async (format) => {
  const checked = await cli(['check', at(format), '--json']);
  expect(checked.code, checked.stdout).toBe(0);
  expect(JSON.parse(checked.stdout)).toMatchObject({ format, ok: true, pictures: { train: 11 } });
});

// The stages see one kind of data, whatever the layout: pictures in files, or in archives.
it.each(['imagenet-lt', 'csv', 'webdataset'])('%s is trained on', async (format) => {
  const run = at(`run-${format}`);
  const done = await cli(['finetune', at(format), ...FAST, '--head', 'linear', '--run', run, '--json']);
  expect(done.code, done.stderr).toBe(0);
  expect(JSON.parse(done.stdout)).toMatchObject({ classes: 3, results: { val: [{ name: 'baseline' }] } });
});

it('how the data is read is part of a run: both stages, anchors, evaluation', async () => {
  const data = at('inaturalist-2018');
  const how = ['--format', 'inaturalist-2018', '--authors-text', '--shots', 'decoupling'];
  const done = await cli(['pretrain', data, ...FAST, ...how, '--beta', '0', '--run', at('s1')]);
  expect(done.code, done.stderr).toBe(0);
  expect(config('s1')).toMatchObject({ format: 'inaturalist-2018', authorsText: true, shots: 'decoupling' });
  const resumed = await cli([
    'pretrain',
    data,
    ...FAST,
    '--beta',
    '0',
    '--run',
    at('s1'),
    '--no-authors-text',
    '--resume',
  ]);
  expect(resumed.code).toBe(1);
  expect(resumed.stderr).toContain('authorsText: true → false');
  const anchors = await cli(['anchors', data, ...how, '--run', at('s1'), '--anchors', '3']);
  expect(anchors.code, anchors.stderr).toBe(0);
  const second = await cli([
    'finetune',
    data,
    ...how,
    '--from',
    at('s1'),
    '--run',
    at('s2'),
    '--steps',
    '2',
    '--batch',
    '4',
  ]);
  expect(second.code, second.stderr).toBe(0);
  const measured = await cli(['evaluate', data, ...how, '--run', at('s2'), '--split', 'val', '--json']);
  expect(measured.code, measured.stderr).toBe(0);
  expect(JSON.parse(measured.stdout)).toMatchObject({ pictures: 3, shots: { manyAbove: 100, fewUpTo: 19 } });
});

it('what is wrong is named by file and line, before anything runs', async () => {
  rmSync(at('places-lt', 'Places_LT_val.txt'));
  const checked = await cli(['check', at('places-lt'), '--fast']);
  expect(checked.stdout).toContain('no val, published 7,300 pictures: get Places_LT_val.txt');
  writeFileSync(at('places-lt', 'Places_LT_val.txt'), 'val_256/a/1.jpg 0\n../secret.jpg 1\n');
  const refused = await cli(['pretrain', at('places-lt'), ...FAST, '--run', at('s3')]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('Places_LT_val.txt:2: "../secret.jpg" leads out of the folder');
  for (const args of [
    ['pretrain', 'icon-lt-12', '--format', 'csv', '--dry-run'],
    ['check', at('csv'), '--columns', 'file=x'],
    ['check', at('csv'), '--format', 'xml'],
  ])
    expect((await cli(args)).code, args.join(' ')).toBe(2);
});
