import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openFolder } from '../../lib/data/openPictures.js';
import { tf } from '../../lib/runtime/tf.js';
import { trainBaseline } from '../../lib/stages/baseline.js';
import { evaluateClassifier } from '../../lib/stages/evaluation.js';
import { imageFeatures } from '../../lib/stages/features.js';
import { recognise } from '../../lib/stages/inspect.js';
import type { Classifier } from '../../lib/stages/modelFile.js';
import type { BaselineOptions, StageRun } from '../../lib/stages/options.js';
import { imageBatch } from '../../lib/stages/run.js';
import { readMetrics } from '../../lib/training/metrics.js';
import { onEveryBackend } from '../support/backends.js';
import { writePictures } from '../support/pictures.js';
import { TINY_CLASSIFIER, tinyClip } from '../support/tinyClip.js';

const dir = mkdtempSync(join(tmpdir(), 'vlltr-loader-resume-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const OPTIONS: BaselineOptions = {
  ...TINY_CLASSIFIER,
  steps: 7,
  batch: 6,
  warmupSteps: 1,
  checkpointEvery: 2,
  evaluateEvery: 0,
  augment: { preset: 'imagenet' },
  decode: 'fast',
  head: 'linear',
};

onEveryBackend((backend) => {
  it('a training on files, broken off and resumed with other workers, gives the same numbers', async () => {
    const folder = join(dir, backend);
    await writePictures(folder, [5, 4, 3], ['train', 'test']);
    writeFileSync(join(folder, 'train/coal/1.png'), 'no picture');
    const warnings: string[] = [];
    const open = (workers: number) =>
      openFolder(folder, { imageSize: 18, workers, warn: (message) => warnings.push(message) });
    const stage = async (workers: number, run: StageRun) => {
      const data = await open(workers);
      const model = tinyClip(data);
      try {
        const params = await trainBaseline(data, model, OPTIONS, run);
        const values = Object.fromEntries(Object.entries(params).map(([name, t]) => [name, [...t.dataSync()]]));
        tf.dispose(params);
        return values;
      } finally {
        model.dispose();
        await data.dispose!();
      }
    };
    const whole = join(dir, `${backend}-whole`);
    const broken = join(dir, `${backend}-broken`);
    const expected = await stage(2, { dir: whole, seed: 4, resume: false });
    const die = ({ step }: { step: number }) => {
      if (step === 3) throw new Error('the power failed');
    };
    await expect(stage(1, { dir: broken, seed: 4, resume: false, onProgress: die })).rejects.toThrow(
      'the power failed',
    );
    expect(await stage(3, { dir: broken, seed: 4, resume: true })).toEqual(expected);

    const metrics = async (run: string) => (await readMetrics(run)).map(({ seconds: _, ...line }) => line);
    expect(await metrics(broken)).toEqual(await metrics(whole));
    expect(warnings[0]).toMatch(/coal\/1\.png cannot be read: .*; another picture of its class is taken for it/);
    expect(new Set(warnings).size).toBe(1);

    // A process that goes on has met none of them and counts them all the same.
    const later = await open(1);
    const model = tinyClip(later);
    tf.dispose(await trainBaseline(later, model, OPTIONS, { dir: broken, seed: 4, resume: true }));
    expect(later.train.unreadable).toEqual(['train/coal/1.png']);
    model.dispose();
    await later.dispose!();

    const data = await open(1);
    const notes: Record<string, number> = {};
    const key = { seed: 0, stage: 'test', step: 0, notes };
    (await imageBatch(data.train, [0, 1, 1, 2], 16, OPTIONS, key)).dispose();
    expect(notes).toEqual({ replaced: 2 }); // recorded in metrics.jsonl
    await data.dispose!();
  });

  it('five crops are recognised by the mean of their logits', async () => {
    const folder = join(dir, `${backend}-five`);
    await writePictures(folder, [2, 2, 2], ['train', 'test']);
    const data = await openFolder(folder, { imageSize: 18, workers: 1 });
    const { config, params, dispose } = tinyClip(data);
    const head = { 'fc.weight': tf.randomNormal([16, 3], 0, 1, 'float32', 1), 'fc.bias': tf.zeros([3]) };
    const model: Classifier = {
      config,
      params: { ...params, ...head },
      info: { kind: 'baseline', config, classes: data.classes, trainCounts: [2, 2, 2] },
    };
    const x = await imageFeatures(config, params, data.test!, [4, 1], 'five');
    expect(x.length).toBe(2 * 5 * 16);
    const { visual } = await recognise(model, data.test!, [4, 1], 'five');
    const want = tf.tidy(() => {
      const z = tf.matMul(tf.tensor2d(x, [10, 16]), head['fc.weight']) as tf.Tensor2D;
      return tf.softmax(tf.mean(tf.reshape(z, [2, 5, 3]), 1)).dataSync();
    });
    visual.forEach((p, i) => {
      expect(p).toBeCloseTo(want[i]!, 5);
    });
    const rows = await evaluateClassifier(model, data.test!, { trainCounts: [2, 2, 2], bounds: data.shots }, 'five');
    expect(rows.map(({ name }) => name)).toEqual(['baseline']);
    tf.dispose(head);
    dispose();
    await data.dispose!();
  });
});
