import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { inherit } from '../../lib/cli/actions/inherit.js';
import { paperPreset } from '../../lib/presets/paper/index.js';

const folder = mkdtempSync(join(tmpdir(), 'vlltr-inherit-'));
const run = join(folder, 'run');
const config = {
  command: 'pretrain',
  data: '/data/birds',
  format: 'csv',
  images: '/photos',
  columns: { path: 'file' },
  authorsText: true,
  shots: 'decoupling',
  preset: 'imagenet-lt-r50',
};

beforeAll(() => {
  mkdirSync(run);
  writeFileSync(join(run, 'config.json'), JSON.stringify(config));
  writeFileSync(join(run, 'model.safetensors'), '');
  mkdirSync(join(folder, 'hugging-face'));
  writeFileSync(join(folder, 'hugging-face', 'config.json'), JSON.stringify({ data: 'x', preset: 'y' }));
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => vi.clearAllMocks());
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const { command: _, data, preset, ...how } = config;
const preset50 = paperPreset(preset);

it('a command takes over the data, its reading and the preset of its run, named by folder or by model', async () => {
  for (const from of [run, join(run, 'model.safetensors')])
    expect(await inherit(undefined, {}, from)).toEqual({ data, how, preset: preset50, presetIsNew: false });
  expect(vi.mocked(process.stderr.write).mock.calls.join()).toContain('format csv, images /photos');
});

it('what is named holds: options, a preset before the run, none', async () => {
  const named = await inherit(undefined, { authorsText: false, shots: 'authors' }, run);
  expect(named.how).toEqual({ ...how, authorsText: false, shots: 'authors' });
  const other = paperPreset('places-lt-r50');
  const anew = await inherit(undefined, { preset: other, shots: 'scaled' }, run);
  expect(anew).toMatchObject({ preset: other, presetIsNew: true });
  expect(anew.how).toEqual({ ...how, ...other.data, shots: 'scaled' });
  expect((await inherit(undefined, { preset: 'none' }, run)).preset).toBeUndefined();
});

it('a preset leaves data of another layout as it is, says so, and gives way to --format', async () => {
  const own = join(folder, 'own');
  mkdirSync(join(own, 'train/a'), { recursive: true });
  const { format, ...meant } = preset50.data;
  const anew = await inherit(own, { preset: preset50 }, undefined);
  expect(anew).toMatchObject({ how: meant, preset: preset50 });
  expect(anew.how).not.toHaveProperty('format');
  expect(vi.mocked(process.stderr.write).mock.calls.join()).toContain(
    `preset imagenet-lt-r50: ${own} has no data of the format imagenet-lt (ImageNet_LT_train.txt); its layout is found out`,
  );
  expect((await inherit(own, { preset: preset50, format: 'folder' }, undefined)).how.format).toBe('folder');
  writeFileSync(join(own, 'data.csv'), 'path,label\n');
  expect((await inherit(join(own, 'data.csv'), { preset: preset50 }, undefined)).how).toEqual(meant);
  writeFileSync(join(own, 'ImageNet_LT_train.txt'), '');
  expect((await inherit(own, { preset: preset50 }, undefined)).how).toEqual({ format, ...meant });
  expect((await inherit(join(own, 'ImageNet_LT_train.txt'), { preset: preset50 }, undefined)).how.format).toBe(format);
  expect((await inherit(own, { preset: preset50, format: 'csv' }, undefined)).how.format).toBe('csv');
  // As the run before had to be told.
  writeFileSync(join(run, 'config.json'), JSON.stringify({ ...config, data: own }));
  const places = paperPreset('places-lt-r50');
  expect((await inherit(undefined, { preset: places }, run)).how).toMatchObject({ ...places.data, format: 'csv' });
  writeFileSync(join(run, 'config.json'), JSON.stringify(config));
});

it('of other data only how texts and shot groups are made is taken over', async () => {
  const found = await inherit('/elsewhere/birds', {}, run);
  expect(found).toMatchObject({ data: '/elsewhere/birds', how: { authorsText: true, shots: 'decoupling' } });
  expect(found.how).not.toHaveProperty('format');
});

it('nothing comes from what is no run of ours, and without any data that is said', async () => {
  const model = join(folder, 'hugging-face');
  expect(await inherit('/data', {}, model)).toEqual({ data: '/data', how: {}, preset: undefined, presetIsNew: false });
  await expect(inherit(undefined, {}, model)).rejects.toThrow(/does not say which data it is of: name the data/);
  await expect(inherit('icon-lt', { preset: preset50 }, undefined)).rejects.toThrow(/icon-lt has settings of its own/);
});
