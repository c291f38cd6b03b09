import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { registerTensorFlowOps } from '../../bindings/load.js';
import { classwiseContrastive } from '../../lib/ops/classwiseContrastive.js';
import { withKernels } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { disposeTree } from '../../lib/runtime/tree.js';
import { trainBaseline } from '../../lib/stages/baseline.js';
import { microBatched } from '../../lib/stages/microBatch.js';
import { createOptimiser, optimise, type StepInputs } from '../../lib/stages/optimise.js';
import type { ClassifierOptions, PretrainOptions, TrainOptions } from '../../lib/stages/options.js';
import { encodePairs, PAIR_ROWS } from '../../lib/stages/pairs.js';
import { pretrain } from '../../lib/stages/pretrain.js';
import { type StageLoss, splitInputs, wholeLoss } from '../../lib/stages/stageLoss.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { onEveryBackend } from '../support/backends.js';
import { hashed } from '../support/hashed.js';
import { colourData, TINY_CLASSIFIER, TINY_TRAINING, tinyClip } from '../support/tinyClip.js';

const folder = mkdtempSync(join(tmpdir(), 'vlltr-micro-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const data = colourData();
const BATCH = 7;

/** Stage 1's loss without a teacher. */
function contrastive(config: ReturnType<typeof tinyClip>['config'], training: boolean): StageLoss {
  return {
    rows: PAIR_ROWS,
    embed: (rows) => ({ encode: (params) => encodePairs(config, params, rows, { training }) }),
    loss: (params, given) => ({
      loss: classwiseContrastive({
        image: given.image as tf.Tensor2D,
        text: given.text as tf.Tensor2D,
        labels: given.labels as tf.Tensor1D,
        logitScale: params.logit_scale as tf.Scalar,
        smoothing: 0.1,
      }).loss,
      outputs: { logitScale: params.logit_scale! },
    }),
  };
}

/** The same loss with every part encoded by itself under one tape: what the passes must give, batch norm included. */
function inParts(stage: StageLoss, size: number, batch: number) {
  return (inputs: TensorMap) => (params: TensorMap) => {
    const { mine, others } = splitInputs(inputs, stage.rows);
    let stats: TensorMap = {};
    const features: Record<string, tf.Tensor[]> = {};
    for (let from = 0; from < batch; from += size) {
      const rows = Object.fromEntries(
        Object.entries(mine).map(([name, t]) => [name, t.slice(from, Math.min(size, batch - from))]),
      );
      const { features: found, batchStats } = stage.embed(rows).encode({ ...params, ...stats });
      stats = { ...stats, ...batchStats };
      for (const [name, f] of Object.entries(found)) features[name] = [...(features[name] ?? []), f];
    }
    const joined = Object.fromEntries(Object.entries(features).map(([name, list]) => [name, tf.concat(list)]));
    return { ...stage.loss(params, { ...others, ...joined }), batchStats: stats };
  };
}

const relative = (a: tf.Tensor, b: tf.Tensor): number =>
  tf.tidy(() => tf.div(tf.max(tf.abs(tf.sub(a, b))), tf.maximum(tf.max(tf.abs(b)), 1e-12)).dataSync()[0]!);

onEveryBackend((backend) => {
  describe.each([
    { kind: 'resnet', training: false },
    { kind: 'resnet', training: true },
    { kind: 'vit', training: false },
  ] as const)('$kind, batch norm training $training', ({ kind, training }) => {
    const vit = { kind: 'vit', layers: 1, width: 16, heads: 2, patchSize: 8 } as const;
    const ways =
      backend === 'tensorflow'
        ? ([
            ...[1, 3, 6].map((size) => ({ capture: 'off', size, kernels: 'tfjs' }) as const),
            ...(['tfjs', 'tensorflow'] as const).map((kernels) => ({ capture: 'on', size: 3, kernels }) as const),
          ] as const)
        : ([{ capture: 'off', size: 3, kernels: 'tfjs' }] as const);
    const title = 'gives the gradient of the whole batch (capture $capture, $size at a time, kernels $kernels)';
    it.each(ways)(title, ({ capture, size, kernels }) => {
      const model = tinyClip(data, kind === 'vit' ? vit : {});
      const stage = contrastive(model.config, training);
      const options = { ...TINY_TRAINING, capture, microBatch: size } as unknown as TrainOptions;
      const { optimiser, state, frozen } = createOptimiser(model.params, { weightDecay: 0 });
      const inputs: StepInputs = {
        image: tf.tensor4d(hashed('image', BATCH * 16 * 16 * 3), [BATCH, 16, 16, 3]),
        ids: new TextBank(data.sentences, 16).batch([0, 3, 4, 6, 9, 10, 11]),
        labels: tf.tensor1d([0, 1, 1, 2, 3, 3, 3], 'int32'),
        learningRate: tf.scalar(1e-3),
        update: tf.scalar(1),
      };
      const before = tf.memory().numTensors;
      const step = microBatched('test', options, optimiser, frozen, stage);
      if (kernels === 'tensorflow') registerTensorFlowOps();
      const found = withKernels(kernels, () => tf.tidy(() => step(state, inputs)));
      const reference = tf.tidy(() => optimise(optimiser, state, inputs, frozen, inParts(stage, size, BATCH)(inputs)));
      // After one step the first moment is a tenth of the gradient.
      expect(relative(found.state.m, reference.state.m)).toBeLessThan(2e-5);
      expect(relative(found.outputs.loss!, reference.outputs.loss!)).toBeLessThan(1e-5);
      expect(relative(found.outputs.gradNorm!, reference.outputs.gradNorm!)).toBeLessThan(1e-5);
      expect(Object.keys(found.outputs).sort()).toEqual(Object.keys(reference.outputs).sort());
      for (const [name, moved] of Object.entries(found.state.buffers))
        expect(relative(moved, reference.state.buffers[name]!), name).toBeLessThan(1e-5);
      if (!training) {
        const whole = tf.tidy(() => optimise(optimiser, state, inputs, frozen, wholeLoss(stage, inputs)));
        expect(relative(found.state.m, whole.state.m)).toBeLessThan(2e-5);
        disposeTree(whole, { state });
      }
      disposeTree(found, { state });
      disposeTree(reference, { state });
      step.dispose();
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose([inputs, state] as tf.TensorContainer);
      model.dispose();
    });
  });
});

describe('the stages', () => {
  const rhythm = { steps: 3, batch: BATCH, warmupSteps: 1, checkpointEvery: 1, evaluateEvery: 0 } as const;
  const values = (params: TensorMap): number[] => Object.values(params).flatMap((t) => [...t.dataSync()]);

  it('pretrain with a teacher, and a classifier whose encoder is trained, are those of the whole batch', async () => {
    const [model, teacher] = [tinyClip(data), tinyClip(data, {}, 2)];
    const bank = new TextBank(data.sentences, 16);
    const first: PretrainOptions = { ...TINY_TRAINING, ...rhythm, batchNorm: 'eval', distillWeight: 0.5 };
    const second: ClassifierOptions = { ...TINY_CLASSIFIER, ...rhythm, batchNorm: 'eval' };
    const run = (name: string) => ({ dir: join(folder, name), seed: 3, resume: false });
    const stages = {
      pretrain: (microBatch?: number) =>
        pretrain(data, bank, model, teacher, { ...first, microBatch }, run(`pretrain-${microBatch}`)),
      baseline: (microBatch?: number) =>
        trainBaseline(data, model, { ...second, microBatch, head: 'mlp' }, run(`baseline-${microBatch}`)),
      frozen: (microBatch?: number) =>
        trainBaseline(data, model, { ...second, encoderRate: 0, microBatch, head: 'mlp' }, run(`frozen-${microBatch}`)),
    };
    for (const [name, stage] of Object.entries(stages)) {
      const whole = values(await stage());
      // Adam divides by the gradient's size: where that is about nothing its sign is noise worth a step of 1e-2.
      const apart = values(await stage(3)).map((x, i) => Math.abs(x - whole[i]!));
      expect(apart.filter((d) => d > 1e-4).length / apart.length, name).toBeLessThan(1e-3);
      expect(values(await stage(BATCH)), name).toEqual(whole); // not split at all
    }
    model.dispose();
    teacher.dispose();
  });

  it('refuse a size that is none', async () => {
    const model = tinyClip(data);
    const options = { ...TINY_CLASSIFIER, ...rhythm, microBatch: 2.5, head: 'mlp' } as const;
    await expect(
      trainBaseline(data, model, options, { dir: join(folder, 'bad'), seed: 0, resume: false }),
    ).rejects.toThrow('microBatch is 2.5; expected an integer ≥ 1');
    model.dispose();
  });
});
