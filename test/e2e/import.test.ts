import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSafetensors } from '../../lib/files/safetensors.js';
import { unpackCheckpoints } from '../support/checkpoints.js';
import { cli } from '../support/cli.js';

const { folder, remove } = unpackCheckpoints();
afterAll(remove);
const at = (...names: string[]): string => join(folder, ...names);
const CLASSES = ['coal', 'fire', 'grass', 'lemon', 'sky'];

beforeAll(async () => {
  for (const split of ['train', 'test'])
    for (const [c, name] of CLASSES.entries()) {
      mkdirSync(at('pictures', split, name), { recursive: true });
      for (let i = 0; i < (split === 'train' ? 5 - c : 2); i++)
        await sharp({ create: { width: 20, height: 20, channels: 3, background: { r: 50 * c, g: 99, b: 40 * i } } })
          .png()
          .toFile(at('pictures', split, name, `${i}.png`));
    }
});

it("the authors' stage 2 evaluates and predicts with the anchors inside", async () => {
  const out = at('stage2');
  writeFileSync(at('labels.txt'), `${[...CLASSES].reverse().join('\n')}\n`);
  const args = ['--out', out, '--data', at('pictures'), '--classes', at('labels.txt'), '--alpha', '0.7'];
  const done = await cli(['import', at('stage2-vit.pth'), ...args, '--json']);
  expect(done.code, done.stderr).toBe(0);
  expect(JSON.parse(done.stdout)).toMatchObject({ kind: 'lgr', classes: 5, anchors: 12, alpha: 0.7 });
  expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')).command).toBe('import');
  const found = await cli(['evaluate', at('pictures'), '--run', out, '--json']);
  expect(found.code, found.stderr).toBe(0);
  expect(JSON.parse(found.stdout).results.map((r: { name: string }) => r.name)).toEqual(['visual', 'text', 'both']);
  const picture = at('pictures', 'test', 'grass', '0.png');
  const seen = await cli(['predict', picture, '--run', out, '--explain', '--json']);
  expect(seen.code, seen.stderr).toBe(0);
  const [{ guesses, explanation }] = JSON.parse(seen.stdout).predictions;
  expect(guesses).toHaveLength(5);
  expect(explanation.sentences[0].sentence).toMatch(/^sentence \d$/);
  const again = await cli(['import', at('stage2-vit.pth'), ...args]);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('--force');
});

it('what was imported is exported, weights in half and anchors as NumPy reads them', async () => {
  expect((await cli(['import', at('stage2-vit.pth'), '--out', at('in')])).code).toBe(0);
  const done = await cli(['export', at('in'), '--out', at('exported'), '--half', '--json']);
  expect(done.code, done.stderr).toBe(0);
  expect(JSON.parse(done.stdout).written).toHaveLength(3);
  const [before, after] = await Promise.all(
    ['in', 'exported'].map((name) => readSafetensors(at(name, 'model.safetensors'))),
  );
  expect(Object.keys(after!.tensors).sort()).toEqual(Object.keys(before!.tensors).sort());
  expect(after!.tensors['visual.proj']!.dtype).toBe('F16');
  const npy = readFileSync(at('exported', 'anchors.npy'));
  const header = npy.readUInt16LE(8);
  expect(npy.toString('latin1', 0, 6)).toBe('\x93NUMPY');
  expect((10 + header) % 64).toBe(0);
  expect(npy.toString('latin1', 10, 10 + header)).toMatch(/'<f4'.*False.*\(5, 3, 12\), \} *\n$/);
  const values = new Float32Array(Uint8Array.from(npy.subarray(10 + header)).buffer);
  expect(values).toEqual(before!.tensors.text_embeddings!.data);
  expect(JSON.parse(readFileSync(at('exported', 'anchors.json'), 'utf8')).counts).toEqual([3, 3, 1, 2, 3]);
  const clip = await cli(['export', at('openai-rn.pt'), '--out', at('exported')]);
  expect(clip.stderr).toContain('--force');
  expect((await cli(['export', at('openai-rn.pt'), '--out', at('exported-clip')])).code).toBe(0);
  const { metadata } = await readSafetensors(at('exported-clip', 'model.safetensors'));
  expect(metadata.format).toBe('vl-ltr-clip');
});

it('a classifier without names predicts, and is evaluated by the counts of the data once it has names', async () => {
  const out = at('nameless');
  expect((await cli(['import', at('stage2-rn.pth'), '--out', out])).code).toBe(0);
  const seen = await cli(['predict', at('pictures', 'test', 'grass', '0.png'), '--run', out]);
  expect(seen.stdout).toMatch(/class \d/);
  writeFileSync(at('labels.json'), JSON.stringify(CLASSES));
  const named = ['import', at('stage2-rn.pth'), '--out', out, '--classes', at('labels.json'), '--force'];
  expect((await cli(named)).code).toBe(0);
  const found = await cli(['evaluate', at('pictures'), '--run', out, '--json']);
  expect(found.code, found.stderr).toBe(0);
  expect(JSON.parse(found.stdout).pictures).toBe(10);
});

it('a CLIP of another program is imported, and files that are none are refused', async () => {
  const out = at('clip');
  const done = await cli(['import', at('stage1-rn.pth'), '--out', out, '--resolution', '32']);
  expect(done.code, done.stderr).toBe(0);
  expect(done.stderr).toContain('ResNet [2,1,1,1] of width 2, 32 pixels');
  const refused = await cli(['import', at('stage1-rn.pth'), '--out', at('no'), '--alpha', '0.5']);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('--alpha is for classifiers');
  const wrong = await cli(['pretrain', at('pictures'), '--from', at('stage2-rn.pth'), '--run', at('z')]);
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain('vl-ltr import reads it');
  copyFileSync(at('labels.txt'), at('labels.pt'));
  const foreign = await cli(['import', at('labels.pt'), '--out', at('no')]);
  expect(foreign.code).toBe(1);
  expect(foreign.stderr).toContain('is of no known kind; expected a checkpoint');
  expect(existsSync(at('no'))).toBe(false);
});
