import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { ImageSource, LongTailData, PairData } from '../../lib/data/types.js';
import { ready } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { trainBaseline } from '../../lib/stages/baseline.js';
import { trainClip } from '../../lib/stages/clip.js';
import { finetune } from '../../lib/stages/finetune.js';
import { pretrain } from '../../lib/stages/pretrain.js';
import { TextBank } from '../../lib/stages/textBank.js';
import type { TrainSpec } from '../../lib/training/loop.js';
import { colourData, tinyClip } from '../support/tinyClip.js';

// The real stages, with a loop that only asks for the inputs of one update.
const STEP = 3;
let inputs: TensorMap;
vi.mock('../../lib/training/loop.js', () => ({
  train: async (spec: TrainSpec<TensorMap, TensorMap>) => {
    inputs = await spec.inputs(STEP);
    return spec.state;
  },
}));

/** One picture again and again, so that a batch differs by its augmentation alone, whatever the sampler draws. */
const noise = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 97) % 256);
const same = ({ length, labels }: ImageSource): ImageSource => ({
  length,
  labels,
  size: 16,
  id: String,
  read: async (indices) => Uint8Array.from(Array.from(indices).flatMap(() => [...noise])),
});
const colours = colourData();
const data: LongTailData = { ...colours, train: same(colours.train) };
const pairs: PairData = {
  images: data.train,
  captions: Array.from(data.train.labels, (y) => data.sentences[y]!),
  weights: new Float64Array(data.train.length).fill(1),
  keys: data.train.labels,
};

const COMMON = {
  steps: 5,
  batch: 4,
  learningRate: 1e-2,
  warmupSteps: 0,
  minLearningRate: 0,
  weightDecay: 0,
  sampler: 'sqrt',
  augment: { preset: 'icon' },
  batchNorm: 'train',
  smoothing: 0,
  checkpointEvery: 0,
  evaluateEvery: 0,
} as const;
const classifier = { ...COMMON, balanced: false, encoderRate: 1, mixup: false };

let model: ReturnType<typeof tinyClip>;
beforeAll(async () => {
  await ready({ backend: 'cpu', kernels: 'tfjs' });
  model = tinyClip(data);
});
afterAll(() => model.dispose());

const run = { dir: 'nowhere', seed: 1, resume: false };
const anchors = () => ({
  embeddings: tf.ones<tf.Rank.R3>([4, 1, 16]),
  counts: [1, 1, 1, 1],
  sentences: [[], [], [], []],
});
const stages: Record<string, (mixup?: boolean) => Promise<unknown>> = {
  clip: () => trainClip(model.config, pairs, COMMON, run),
  pretrain: () =>
    pretrain(data, new TextBank(data.sentences, 16), model, undefined, { ...COMMON, distillWeight: 0 }, run),
  finetune: (mixup = false) =>
    finetune(data, model, anchors(), { ...classifier, mixup, attentionRate: 1, detachNorm: false }, run),
  baseline: (mixup = false) => trainBaseline(data, model, { ...classifier, mixup, head: 'linear' }, run),
};

const drawn = async (stage: string, mixup?: boolean): Promise<string> => {
  await stages[stage]!(mixup);
  return String(await inputs.image!.data());
};

it('every stage sees views of its own at the same update, and the same ones again', async () => {
  const views = new Map<string, string>();
  for (const stage of Object.keys(stages)) {
    views.set(await drawn(stage), stage);
    expect(views.get(await drawn(stage)), stage).toBe(stage);
  }
  expect([...views.values()]).toEqual(Object.keys(stages));
});

it('stage 2 and the baseline mix their batches by draws of their own', async () => {
  const targets = async (stage: string): Promise<number[]> => {
    await stages[stage]!(true);
    return [...(await inputs.targets!.data())];
  };
  /** λ and 1−λ, whichever pictures were drawn: a picture whose partner is of its class has 1, other classes 0. */
  const shares = (values: number[]) =>
    [...new Set(values.map((v) => v.toFixed(5)))].filter((v) => v !== '0.00000' && v !== '1.00000').sort();
  const [mine, theirs] = [await targets('finetune'), await targets('baseline')];
  expect(await targets('finetune')).toEqual(mine);
  for (const values of [mine, theirs]) expect(shares(values)).toHaveLength(2);
  expect(shares(mine)).not.toEqual(shares(theirs));
});
