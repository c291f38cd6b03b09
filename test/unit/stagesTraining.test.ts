import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { topOne } from '../../lib/stages/accuracy.js';
import { buildAnchors } from '../../lib/stages/anchors.js';
import { trainBaseline } from '../../lib/stages/baseline.js';
import { finetune } from '../../lib/stages/finetune.js';
import type { BaselineOptions, ClassifierOptions, PretrainOptions, StageRun } from '../../lib/stages/options.js';
import { pretrain } from '../../lib/stages/pretrain.js';
import { baselinePredictions } from '../../lib/stages/recognise.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { readMetrics } from '../../lib/training/metrics.js';
import { onEveryBackend } from '../support/backends.js';
import { colourData, TINY_CLASSIFIER, TINY_TRAINING, tinyClip } from '../support/tinyClip.js';

const folder = mkdtempSync(join(tmpdir(), 'vlltr-training-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RHYTHM = {
  steps: 5,
  batch: 8,
  warmupSteps: 1,
  checkpointEvery: 2,
  evaluateEvery: 0,
} as const;
const PRETRAIN: PretrainOptions = { ...TINY_TRAINING, ...RHYTHM, distillWeight: 0.5 };
const CLASSIFIER: ClassifierOptions = { ...TINY_CLASSIFIER, ...RHYTHM };

const data = colourData();
const values = (params: TensorMap): Record<string, number[]> =>
  Object.fromEntries(Object.entries(params).map(([name, t]) => [name, [...t.dataSync()]]));

/** Runs a stage whole, and again broken off after update 3 (checkpoint of update 2) and resumed. */
async function twice(name: string, stage: (run: StageRun) => Promise<TensorMap>) {
  const whole = values(await stage({ dir: join(folder, name, 'whole'), seed: 5, resume: false }));
  const dir = join(folder, name, 'broken');
  const die = ({ step }: { step: number }) => {
    if (step === 3) throw new Error('the power failed');
  };
  await expect(stage({ dir, seed: 5, resume: false, onProgress: die })).rejects.toThrow('the power failed');
  const first: number[] = [];
  const resumed = values(await stage({ dir, seed: 5, resume: true, onProgress: (p) => first.push(p.step) }));
  expect(first).toEqual([3, 4, 5]);
  return { whole, resumed };
}

onEveryBackend((backend) => {
  it('pretrain, broken off and resumed, gives the very parameters of an unbroken run', async () => {
    const model = tinyClip(data);
    const teacher = tinyClip(data, {}, 2);
    const bank = new TextBank(data.sentences, 16);
    const { whole, resumed } = await twice(`pretrain-${backend}`, (run) =>
      pretrain(data, bank, model, teacher, PRETRAIN, run),
    );
    expect(resumed).toEqual(whole);
    expect(Object.keys(whole).sort()).toEqual(Object.keys(model.params).sort());
    // It did train, batch norm's statistics included.
    for (const name of ['visual.conv1.weight', 'token_embedding.weight', 'visual.bn1.running_mean'])
      expect(whole[name], name).not.toEqual([...model.params[name]!.dataSync()]);
    model.dispose();
    teacher.dispose();
  });

  it('finetune too', async () => {
    const model = tinyClip(data);
    const bank = new TextBank(data.sentences, 16);
    const anchors = await buildAnchors(
      data,
      bank,
      model,
      { anchors: 2, choice: 'random', imagesPerClass: 5, split: 'train' },
      0,
    );
    const options = { ...CLASSIFIER, attentionRate: 0.5, detachNorm: false };
    const { whole, resumed } = await twice(`finetune-${backend}`, (run) =>
      finetune(data, model, anchors, options, run),
    );
    expect(resumed).toEqual(whole);
    for (const name of ['text_block.attn.wq.weight', 'text_block.visual_fc.0.weight', 'visual.conv1.weight'])
      expect(Math.max(...whole[name]!.map(Math.abs)), name).toBeGreaterThan(0);
    expect(whole['visual.conv1.weight']).not.toEqual([...model.params['visual.conv1.weight']!.dataSync()]);
    // The logit scale stays at stage 1's value.
    expect(whole.logit_scale).toEqual([...model.params.logit_scale!.dataSync()]);
    model.dispose();
    anchors.embeddings.dispose();
  });

  it('a frozen encoder stays as it is, and the head still learns', async () => {
    // A transformer: with its layer norms even the random one tells colours apart.
    const model = tinyClip(data, { kind: 'vit', layers: 1, width: 16, heads: 2, patchSize: 8 });
    const options: BaselineOptions = {
      ...CLASSIFIER,
      steps: 30,
      encoderRate: 0,
      batchNorm: 'eval',
      mixup: false,
      balanced: false,
      augment: { preset: 'none' },
      smoothing: 0,
      learningRate: 0.2,
      head: 'linear',
    };
    const run = { dir: join(folder, `frozen-${backend}`), seed: 0, resume: false };
    const trained = await trainBaseline(data, model, options, run);
    for (const [name, tensor] of Object.entries(trained))
      if (name.startsWith('visual.')) expect([...tensor.dataSync()], name).toEqual([...model.params[name]!.dataSync()]);
    const losses = (await readMetrics(run.dir, 'baseline')).map((line) => line.loss as number);
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!);
    const predicted = await baselinePredictions({ config: model.config, params: trained }, data.test!);
    expect(topOne(predicted, data.test!.labels)).toBeGreaterThan(70);
    await expect(
      trainBaseline(data, model, { ...options, batchNorm: 'train' }, { ...run, dir: join(run.dir, 'x') }),
    ).rejects.toThrow('a frozen encoder needs batchNorm "eval"');
    tf.dispose(Object.values(trained));
    model.dispose();
  });

  // Slow on the plain backend, which the tests above cover.
  it.skipIf(backend === 'cpu')('stage 1 aligns pictures with their texts', async () => {
    const model = tinyClip(data);
    const bank = new TextBank(data.sentences, 16);
    const options: PretrainOptions = {
      ...PRETRAIN,
      ...{ steps: 40, batch: 16, distillWeight: 0, smoothing: 0, evaluateEvery: 40, augment: { preset: 'none' } },
    };
    const run = { dir: join(folder, `align-${backend}`), seed: 0, resume: false };
    tf.dispose(await pretrain(data, bank, model, undefined, options, run));
    const lines = await readMetrics(run.dir, 'pretrain');
    const losses = lines.flatMap((line) => (typeof line.loss === 'number' ? [line.loss] : []));
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
    expect(lines.at(-1)!.valAccuracy).toBeGreaterThan(70);
    model.dispose();
  });
});
