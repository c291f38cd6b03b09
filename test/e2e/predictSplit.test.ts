import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { saveClip } from '../../lib/clip/checkpoint/index.js';
import { openPictures } from '../../lib/data/openPictures.js';
import { ready } from '../../lib/runtime/ready.js';
import { writePictures } from '../support/pictures.js';
import { command } from '../support/program.js';
import { wordyClip } from '../support/tinyClip.js';

const folder = mkdtempSync(join(tmpdir(), 'vlltr-split-'));
const at = (...names: string[]): string => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  process.exitCode = undefined;
});

interface Line {
  image: string;
  label?: string;
  error?: string;
  guesses?: { class: string; probability: number }[];
}
const lines = (file: string): Line[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const predict = (out: string, ...more: string[]) =>
  command(
    ...['predict', '--run', at('clip.safetensors'), '--data', at('pictures'), '--split', 'test'],
    ...['--out', at(out), ...more],
  );

beforeAll(async () => {
  await ready();
  await writePictures(at('pictures'), [3, 2, 2], ['train', 'test']);
  const model = wordyClip();
  await saveClip(at('clip.safetensors'), model.config, model.params);
  model.dispose();
});

it('says of an unreadable picture why, predicts the others as ever, and exits with 1', async () => {
  const whole = await predict('whole.jsonl');
  expect(process.exitCode).toBeUndefined();
  expect(whole.stderr).not.toContain('warning');
  const before = lines(at('whole.jsonl'));
  const bad = ['coal/0.png', 'coal/1.png'];
  writeFileSync(at('pictures', 'test', bad[0]!), 'no picture');
  writeFileSync(at('pictures', 'test', bad[1]!), '');
  const { stderr } = await predict('some.jsonl');
  expect(process.exitCode).toBe(1);
  expect(stderr).toMatch(/2 pictures of 6 cannot be read, as their lines say; the first: picture \S*coal/);
  expect(stderr).toMatch(/: 4 predictions; [\d.]+ % of 4 right/);
  const after = lines(at('some.jsonl'));
  expect(after.map(({ image }) => image)).toEqual(before.map(({ image }) => image));
  for (const [i, line] of after.entries()) {
    if (bad.some((name) => line.image.endsWith(name))) {
      expect(Object.keys(line)).toEqual(['image', 'error']);
      expect(line.error).toMatch(/coal.\d\.png cannot be read: (it is no picture|the file is empty)/);
    } else {
      expect(line.label).toBe(before[i]!.label);
      expect(line.guesses!.map((g) => g.class)).toEqual(before[i]!.guesses!.map((g) => g.class));
      expect(line.guesses![0]!.probability).toBeCloseTo(before[i]!.guesses![0]!.probability, 4);
    }
  }
});

it('a folder that is gone is none of that: nothing is written of it', async () => {
  const images = (await openPictures(at('pictures'), { imageSize: 16 })).test!;
  const unreadable = new Map<number, string>();
  const spared = images.sparing!(unreadable);
  renameSync(at('pictures'), at('away'));
  mkdirSync(at('pictures'));
  const gone = spared.views!([0, 2], 16, { kind: 'clean' });
  await expect(gone).rejects.toMatchObject({ code: 'ERR_IO' });
  rmSync(at('pictures'), { recursive: true });
  renameSync(at('away'), at('pictures'));
  expect(unreadable.size).toBe(0);
});
