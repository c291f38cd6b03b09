import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveClip } from '../../lib/clip/checkpoint/index.js';
import { toFile } from '../../lib/clip/layout.js';
import { writeSafetensors } from '../../lib/files/safetensors.js';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { fileDigest, saveAnchors } from '../../lib/stages/anchorFile.js';
import { unpackCheckpoints } from '../support/checkpoints.js';
import { writePictures } from '../support/pictures.js';
import { command } from '../support/program.js';
import { wordyClip } from '../support/tinyClip.js';

const { folder, remove } = unpackCheckpoints();
afterAll(remove);
const at = (...names: string[]): string => join(folder, ...names);
const photo = (): string => at('pictures', 'test', 'coal', '0.png');

beforeAll(async () => {
  await ready();
  await writePictures(at('pictures'), [3, 2, 2], ['train', 'test']);
  const model = wordyClip();
  await saveClip(at('own.safetensors'), model.config, model.params);
  // As other programs write it: names and shapes tell the architecture.
  await writeSafetensors(at('foreign.safetensors'), await toFile(model.config, model.params));
  model.dispose();
});

it.each(['own.safetensors', 'foreign.safetensors'])('%s recognises by the class texts', async (name) => {
  const run = at(name);
  const { stdout } = await command('evaluate', at('pictures'), '--run', run, '--json');
  const { results } = JSON.parse(stdout);
  expect(results.map((row: { name: string }) => row.name)).toEqual(['class-mean', 'nearest-sentence', 'five-nearest']);

  const lines = await command('predict', '--run', run, '--data', at('pictures'), '--split', 'test', '--top', '3');
  const records = lines.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const right = records.filter(({ label, predicted }) => label === predicted).length;
  expect((100 * right) / records.length).toBeCloseTo(results[0].all, 6);
  const sum = records[0].guesses.reduce((s: number, g: { probability: number }) => s + g.probability, 0);
  expect(sum).toBeCloseTo(1, 4);
  expect(records[0].guesses[0]).not.toHaveProperty('visual');

  const one = await command('predict', photo(), '--run', run, '--data', at('pictures'), '--json');
  const [{ guesses }] = JSON.parse(one.stdout).predictions;
  const same = records.find(({ image }) => image.endsWith('coal/0.png'));
  expect(guesses[0].class).toBe(same.predicted);
  expect(guesses[0].probability).toBeCloseTo(same.guesses[0].probability, 4);
  await expect(command('predict', photo(), '--run', run)).rejects.toThrow(/does not say which data it is of/);
  const explained = command('predict', photo(), '--run', run, '--data', at('pictures'), '--explain');
  await expect(explained).rejects.toThrow(/is a CLIP model: it has no sentences to explain with/);
});

it('a folder of another program is evaluated and left as it is; that of a run gets its report', async () => {
  const model = at('elsewhere');
  mkdirSync(model);
  copyFileSync(at('foreign.safetensors'), join(model, 'model.safetensors'));
  writeFileSync(join(model, 'config.json'), JSON.stringify({ model_type: 'clip' }));
  const { stderr } = await command('evaluate', at('pictures'), '--run', model);
  expect(stderr).toContain(`${model} is no folder of a run: nothing is written there`);
  expect(readdirSync(model).sort()).toEqual(['config.json', 'model.safetensors']);
  writeFileSync(join(model, 'config.json'), JSON.stringify({ command: 'import' }));
  await command('evaluate', at('pictures'), '--run', model);
  expect(readdirSync(model)).toEqual(expect.arrayContaining(['evaluation-test.json', 'report.html']));
});

it('anchors of another model are not exported with a run’s', async () => {
  const run = at('stage1');
  mkdirSync(run);
  copyFileSync(at('own.safetensors'), join(run, 'model.safetensors'));
  const options = { anchors: 2, choice: 'cut-off', imagesPerClass: 5, split: 'train' } as const;
  const anchors = { embeddings: tf.ones([2, 2, 16]) as tf.Tensor3D, counts: [2, 1], sentences: [['a', 'b'], ['c']] };
  const save = (model: string) =>
    saveAnchors(
      join(run, 'anchors.safetensors'),
      anchors,
      { classes: ['x', 'y'], sentences: anchors.sentences, options, seed: 0, model },
      [[null, null], [null]],
    );
  await save('0123456789abcdef01234567');
  const out = at('stage1-exported');
  await expect(command('export', run, '--out', out)).rejects.toThrow(
    /anchors\.safetensors was made with another model than .*model\.safetensors; make it anew/,
  );
  expect(existsSync(out)).toBe(false);
  await save(await fileDigest(join(run, 'model.safetensors')));
  await command('export', run, '--out', out);
  expect(JSON.parse(readFileSync(join(out, 'anchors.json'), 'utf8'))).toMatchObject({
    classes: ['x', 'y'],
    counts: [2, 1],
  });
});

it("the authors' stage 2 as it is: predicts, is exported, and refuses data of other classes", async () => {
  const run = at('stage2-vit.pth');
  const { stdout } = await command('predict', photo(), '--run', run, '--json');
  const { alpha, predictions } = JSON.parse(stdout);
  expect(alpha).toBe(0.2);
  expect(predictions[0].guesses[0].class).toMatch(/^class \d$/);
  const evaluated = command('evaluate', at('pictures'), '--run', run);
  await expect(evaluated).rejects.toThrow(/was made for 5 classes, pictures has 3; expected as many/);
  await command('export', run, '--out', at('exported'));
  const { counts, classes } = JSON.parse(readFileSync(at('exported', 'anchors.json'), 'utf8'));
  expect([counts.length, classes[0]]).toEqual([5, 'class 0']);
});

it('what the options of predict exclude is refused', async () => {
  const run = at('stage2-vit.pth');
  await expect(command('predict', '--run', run)).rejects.toThrow(/expected picture files, or --split/);
  await expect(command('predict', photo(), '--run', run, '--split', 'test')).rejects.toThrow(
    /instead of picture files/,
  );
  for (const option of [['--format', 'csv'], ['--authors-text'], ['--shots', 'scaled'], ['--images', folder]])
    await expect(command('predict', photo(), '--run', run, ...option)).rejects.toThrow(
      new RegExp(`${option[0]} says how data is read; .*stage2-vit.pth knows its classes`),
    );
  await expect(command('predict', photo(), '--run', run, '--out', at('x'))).rejects.toThrow(/--out is for --split/);
});
