import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClipConfig } from '../../lib/clip/config.js';
import { create } from '../../lib/clip/model.js';
import type { LongTailData } from '../../lib/data/types.js';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { trainBaseline } from '../../lib/stages/baseline.js';
import { finetune } from '../../lib/stages/finetune.js';
import type { BaselineOptions, FinetuneOptions } from '../../lib/stages/options.js';

const CONFIG: ClipConfig = {
  embedDim: 8,
  visual: { kind: 'vit', layers: 1, width: 8, heads: 2, patchSize: 4, imageSize: 8 },
  text: { contextLength: 8, vocabSize: 49408, width: 8, heads: 2, layers: 1, vocabulary: [320, 49406, 49407] },
};

const labels = Int32Array.of(0, 0, 0, 1);
const images = {
  length: labels.length,
  size: 8,
  labels,
  read: async (indices: ArrayLike<number>) => new Uint8Array(indices.length * 192).fill(90),
};
const data = { name: 'four', classes: ['a', 'b'], train: images, val: images } as unknown as LongTailData;

const BASELINE: BaselineOptions = {
  steps: 2,
  batch: 2,
  learningRate: 1e-3,
  warmupSteps: 0,
  minLearningRate: 0,
  weightDecay: 0.05,
  sampler: 'sqrt',
  augment: { preset: 'none' },
  batchNorm: 'eval',
  checkpointEvery: 0,
  evaluateEvery: 1,
  smoothing: 0,
  balanced: false,
  encoderRate: 0.1,
  mixup: false,
  head: 'linear',
};
const { head: _, ...shared } = BASELINE;
const FINETUNE: FinetuneOptions = { ...shared, attentionRate: 1, detachNorm: false };

describe('training a classifier', () => {
  let dir = '';
  beforeAll(async () => {
    await ready({ backend: 'cpu' });
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vl-ltr-classifier-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it.each(['baseline', 'finetune'] as const)('%s leaves nothing but the trained model', async (name) => {
    const model = create(CONFIG, { seed: 0 });
    const anchors = { embeddings: tf.ones<tf.Rank.R3>([2, 2, 8]), counts: [2, 1], sentences: [['x', 'y'], ['z']] };
    const run = { dir, seed: 0, resume: false };
    const train = () =>
      name === 'baseline' ? trainBaseline(data, model, BASELINE, run) : finetune(data, model, anchors, FINETUNE, run);
    const dispose = (trained: Awaited<ReturnType<typeof train>>) =>
      tf.dispose(Object.values(trained).filter((t) => !Object.values(model.params).includes(t)));
    dispose(await train());
    const before = tf.memory().numTensors;
    dispose(await train());
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(anchors.embeddings);
    model.dispose();
  });

  it('resumes with another rhythm of checkpoints, not with another learning rate', async () => {
    const model = create(CONFIG, { seed: 0 });
    const train = (options: BaselineOptions, resume: boolean) =>
      trainBaseline(data, model, options, { dir, seed: 0, resume });
    tf.dispose(await train(BASELINE, false));
    tf.dispose(await train({ ...BASELINE, checkpointEvery: 1, evaluateEvery: 0 }, true));
    await expect(train({ ...BASELINE, learningRate: 1 }, true)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    model.dispose();
  });
});
