import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ClipConfig } from '../../lib/clip/config.js';
import { encodeImage, encodeText, isBuffer } from '../../lib/clip/model.js';
import { readSafetensors } from '../../lib/files/safetensors.js';
import { canCapture, capture, type Step } from '../../lib/runtime/capture/index.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { buildAnchors } from '../../lib/stages/anchors.js';
import { trainBaseline } from '../../lib/stages/baseline.js';
import { finetune } from '../../lib/stages/finetune.js';
import type { BaselineOptions, FinetuneOptions, PretrainOptions, StageRun } from '../../lib/stages/options.js';
import { pretrain } from '../../lib/stages/pretrain.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { checkpointPath } from '../../lib/training/loop.js';
import { expectAgree, type Values } from './agreement.js';
import { hashed } from './hashed.js';
import { hashedParams, sizes, text } from './hashedClip.js';
import { features, scores } from './passParity.js';
import { colourData, tinyClip } from './tinyClip.js';

/** Loss and the gradient of every parameter that has one. */
function differentiate(
  params: TensorMap,
  names: readonly string[],
  encode: (params: TensorMap) => { features: tf.Tensor; batchStats?: TensorMap },
): TensorMap {
  let stats: TensorMap = {};
  const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) => {
    const all = { ...params, ...Object.fromEntries(names.map((name, i) => [name, given[i]!])) };
    const { features, batchStats = {} } = encode(all);
    stats = Object.fromEntries(Object.entries(batchStats).map(([name, t]) => [name, tf.keep(t.clone())]));
    const cotangent = tf.tensor(hashed('cotangent', features.size), features.shape);
    return tf.mean(tf.mul(features, tf.sin(tf.add(features, cotangent)))) as tf.Scalar;
  })(names.map((name) => params[name]!));
  return { loss: value, ...Object.fromEntries(names.map((name, i) => [`gradient of ${name}`, grads[i]!])), ...stats };
}

/** Op by op and captured, twice, from the same arguments. */
function both(step: Step<TensorMap, TensorMap, TensorMap>, params: TensorMap, inputs: TensorMap): Values[] {
  const read = (outputs: TensorMap): Values =>
    Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, t.dataSync()]));
  const captured = capture(step);
  try {
    return [step, captured, captured].map((run) => {
      let values: Values = {};
      tf.tidy(() => {
        const { outputs } = run(params, inputs);
        values = read(outputs);
        for (const t of Object.values(outputs)) if (t.kept) t.dispose();
      });
      return values;
    });
  } finally {
    captured.dispose();
  }
}

function encoders(tolerance: number): void {
  const cases = [
    ...[1, 3].flatMap((batch) => [
      { kind: 'resnet', batch, training: true },
      { kind: 'resnet', batch, training: false },
      { kind: 'vit', batch, training: false },
      { kind: 'text', batch, training: false },
    ]),
    { kind: 'text', batch: 7, training: false },
  ];
  it.each(cases)('$kind, batch $batch, training $training', ({ kind, batch, training }) => {
    const config: ClipConfig = { embedDim: 10, visual: sizes[kind] ?? sizes.vit!, text };
    const { imageSize } = config.visual;
    tf.tidy(() => {
      const params = hashedParams(config);
      const names = Object.keys(params).filter(
        (name) => !isBuffer(name) && name !== 'logit_scale' && name.startsWith('visual.') === (kind !== 'text'),
      );
      const length = batch === 1 ? 5 : 11;
      const inputs: TensorMap =
        kind === 'text'
          ? {
              ids: tf.tensor2d(
                Int32Array.from({ length: batch * length }, (_, i) => (31 * i) % 97),
                [batch, length],
                'int32',
              ),
            }
          : { images: tf.tensor4d(hashed('images', batch * imageSize ** 2 * 3), [batch, imageSize, imageSize, 3]) };
      const step: Step<TensorMap, TensorMap, TensorMap> = (state, { images, ids }) => ({
        state,
        outputs: differentiate(state, names, (now) =>
          ids
            ? { features: encodeText(config, now, ids as tf.Tensor2D) }
            : encodeImage(config, now, images as tf.Tensor4D, { training }),
        ),
      });
      const [plain, captured, again] = both(step, params, inputs);
      expect(Object.keys(plain!).length).toBeGreaterThan(names.length);
      expectAgree(captured!, plain!, tolerance);
      expectAgree(again!, captured!, 0);
    });
  });
}

const COMMON = {
  steps: 1,
  learningRate: 1e-3,
  warmupSteps: 0,
  minLearningRate: 0,
  weightDecay: 0.05,
  sampler: 'sqrt',
  augment: { preset: 'icon' },
  smoothing: 0.1,
  checkpointEvery: 1,
  evaluateEvery: 0,
} as const;
const CLASSIFIER = { ...COMMON, balanced: true, encoderRate: 0.5, clipNorm: 1 } as const;
const vit = { kind: 'vit', layers: 1, width: 16, heads: 2, patchSize: 5, imageSize: 15 } as const;

type Stage = (capture: 'on' | 'off', run: StageRun) => Promise<TensorMap>;

/**
 * A stage's first update: the new parameters, both moments (every gradient, by one scale) and the buffers, by name.
 * @param own the model's tensors, which a stage gives back where it leaves them alone
 */
async function firstUpdate(
  stage: Stage,
  how: 'on' | 'off',
  name: string,
  dir: string,
  own: TensorMap,
): Promise<Values> {
  const model = Object.entries(await stage(how, { dir, seed: 3, resume: false }));
  const trained = model.filter(([parameter, t]) => !isBuffer(parameter) && t !== own[parameter]);
  const { tensors } = await readSafetensors(checkpointPath(dir, name, 1));
  const saved = Object.entries(tensors).map(([at, { data }]) => [at, data as Float32Array] as const);
  const found: Values = Object.fromEntries(saved.filter(([at]) => at.startsWith('buffers/')));
  for (const [at, packed] of saved.filter(([at]) => !at.startsWith('buffers/'))) {
    let offset = 0;
    for (const [parameter, { size }] of trained) {
      found[`${at} of ${parameter}`] = packed.subarray(offset, offset + size);
      offset += size;
    }
    expect(offset, at).toBe(packed.length);
  }
  tf.dispose(trained.map(([, t]) => t));
  return found;
}

function stages(tolerance: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'vlltr-parity-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const data = colourData();
  const bank = new TextBank(data.sentences, 16);
  const cases = [1, 5].flatMap((batch) =>
    (['resnet', 'vit'] as const).flatMap((kind) =>
      (['pretrain', 'finetune', 'baseline'] as const).map((stage) => ({ stage, kind, batch })),
    ),
  );
  it.each(cases)('$stage, $kind, batch $batch', async ({ stage, kind, batch }) => {
    const [model, teacher] = [1, 2].map((seed) => tinyClip(data, kind === 'vit' ? vit : {}, seed));
    const batchNorm = kind === 'vit' || batch === 1 ? 'eval' : 'train';
    const anchors = await buildAnchors(
      data,
      bank,
      model!,
      { anchors: 3, choice: 'random', imagesPerClass: 5, split: 'train' },
      0,
    );
    const runs: Record<typeof stage, Stage> = {
      pretrain: (capture, run) => {
        const options: PretrainOptions = { ...COMMON, batch, batchNorm, distillWeight: 0.5, capture };
        return pretrain(data, bank, model!, teacher, options, run);
      },
      finetune: (capture, run) => {
        const mixup = kind === 'vit';
        const options: FinetuneOptions = {
          ...CLASSIFIER,
          batch,
          batchNorm,
          mixup,
          attentionRate: 0.5,
          detachNorm: !mixup,
          capture,
        };
        return finetune(data, model!, anchors, options, run);
      },
      baseline: (capture, run) => {
        const head = kind === 'vit' ? 'mlp' : 'linear';
        const options: BaselineOptions = { ...CLASSIFIER, batch, batchNorm, mixup: false, head, capture };
        return trainBaseline(data, model!, options, run);
      },
    };
    const update = (name: string, how: 'on' | 'off') =>
      firstUpdate(runs[stage], how, stage, join(folder, `${stage}-${kind}-${batch}-${name}`), model!.params);
    const [plain, captured, again] = [
      await update('plain', 'off'),
      await update('captured', 'on'),
      await update('again', 'on'),
    ];
    expectAgree(captured, plain, tolerance);
    expectAgree(again, captured, 0);
    tf.dispose(anchors.embeddings);
    model!.dispose();
    teacher!.dispose();
  });
}

/**
 * Captured against op by op: losses, every gradient and new statistics of the encoders; the whole first update of the
 * stages; features and scores. Captured runs repeat to the bit.
 */
export function describeParity(tolerance: number): void {
  it('is captured', () => expect(canCapture()).toBe(true));
  describe('an encoder', () => encoders(tolerance));
  describe('a stage', () => stages(tolerance));
  describe('features', () => features(tolerance));
  describe('scores', () => scores(tolerance));
}
