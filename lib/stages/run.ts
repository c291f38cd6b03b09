import type { ImageSource, LongTailData, Views } from '../data/types.js';
import { check } from '../errors.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { train } from '../training/loop.js';
import { balancedWeights, type Sampler, sqrtWeights, uniformWeights, weightedSampler } from '../training/sampler.js';
import { cosine, epochCosine, type Schedule } from '../training/schedule.js';
import { squareViews, type View } from '../training/views.js';
import { type CapturedUpdate, capturedStep } from './capturedStep.js';
import { updatesPerEpoch } from './epochs.js';
import { checkMicroBatch, microBatched } from './microBatch.js';
import { finish, modelOf, optimise, type StepInputs, type StepState, type Training } from './optimise.js';
import type { SamplerKind, StageRun, TrainOptions } from './options.js';
import { type StageLoss, wholeLoss } from './stageLoss.js';
import { keepUnreadable } from './unreadable.js';

/** The training sampler of a stage: (step, batch) → picture indices, a pure function of the seed and the step. */
export function trainSampler(data: LongTailData, options: TrainOptions, seed: number, stream: string): Sampler {
  const { labels, length } = data.train;
  const weights: Record<SamplerKind, () => Float64Array> = {
    sqrt: () => sqrtWeights(labels, data.classes.length),
    balanced: () => balancedWeights(labels, data.classes.length),
    uniform: () => uniformWeights(length),
  };
  return weightedSampler({ weights: weights[options.sampler](), seed, stream });
}

/** The learning rate of every update of a stage that trains on so many pictures. */
export function scheduleOf(options: TrainOptions, pictures: number): Schedule {
  const { learningRate: base, minLearningRate: min, steps, warmupSteps, batch, schedule = 'cosine' } = options;
  if (schedule === 'cosine') return cosine({ base, steps, warmup: warmupSteps, min });
  check(
    schedule === 'epoch-cosine',
    'ERR_ARGUMENT',
    () => `schedule is '${String(schedule)}'; expected cosine or epoch-cosine`,
  );
  const stepsPerEpoch = updatesPerEpoch(pictures, batch);
  const epochs = (updates: number): number => updates / stepsPerEpoch;
  check(warmupSteps === 0 || epochs(steps) > 2, 'ERR_ARGUMENT', () => {
    return (
      `schedule epoch-cosine with warm-up stays at 1e-6 for two epochs, and ${steps} updates are ` +
      `${epochs(steps).toFixed(2)} epochs of ${pictures} pictures; expected more updates, or no warm-up`
    );
  });
  return epochCosine({ base, min, stepsPerEpoch, epochs: epochs(steps), warmupEpochs: epochs(warmupSteps) });
}

/**
 * What keys the random draws of an update (0-based). The stage is part of it: the baseline must not see, update by
 * update, the very views that stage 2 sees.
 */
export interface StepKey {
  seed: number;
  stage: string;
  step: number;
  /** Takes what is to be recorded of the update besides its outputs. */
  notes?: Record<string, number>;
}

/** Name of a stage's random numbers of one kind. */
export const streamOf = ({ stage }: StepKey, kind: 'view' | 'text' | 'mixup'): string => `${stage}/${kind}`;

/** Views of pictures, whether they lie in files or in memory; see `ImageSource.views`. */
export async function viewsOf(
  images: ImageSource,
  indices: ArrayLike<number>,
  size: number,
  view: View,
): Promise<Views> {
  if (images.views) return images.views(indices, size, view);
  return { values: squareViews(await images.read(indices), images.size, size, view), replaced: 0 };
}

/** Which views a stage's training pictures get, and how they are decoded (default `fast`). */
export type ViewOptions = Pick<TrainOptions, 'augment' | 'decode'>;

/** A training batch of augmented, normalised pictures [n, size, size, 3]; the draws are a function of `key`. */
export async function imageBatch(
  images: ImageSource,
  indices: ArrayLike<number>,
  size: number,
  { augment, decode = 'fast' }: ViewOptions,
  key: StepKey,
): Promise<tf.Tensor4D> {
  const { seed, step } = key;
  const view: View = { kind: 'train', augment, decode, seed, step, stream: streamOf(key, 'view') };
  const { values, replaced } = await viewsOf(images, indices, size, view);
  if (replaced > 0 && key.notes) key.notes.replaced = replaced;
  return tf.tensor4d(values, [indices.length, size, size, 3]);
}

/** Prepared batches may take this much memory, in bytes; one there is always. */
const AHEAD_BYTES = 2 ** 29;

/** How many batches of pictures in files are prepared ahead of the update that takes them. */
export const batchesAhead = (batch: number, size: number): number =>
  Math.max(1, Math.min(4, Math.floor(AHEAD_BYTES / (batch * size * size * 3 * 4))));

/**
 * Runs a stage's steps under its schedule with checkpoints, metrics and exact resume.
 * @returns the trained model's tensors, frozen ones included; the caller disposes them
 */
export async function runStage(spec: {
  name: string;
  run: StageRun;
  options: TrainOptions;
  /** Training pictures; their number is the length of an epoch. */
  images: ImageSource;
  /** Height and width of their views. */
  imageSize: number;
  /** What must agree, besides the options and the seed, for a checkpoint to be resumed. */
  configuration: Record<string, unknown>;
  /** What is trained and what is not, as `createOptimiser` splits a model; taken over and disposed. */
  training: Training;
  loss: StageLoss;
  /** Measures the model so far, now and then and at the end; goes into metrics.jsonl. */
  evaluate?: (model: TensorMap) => Promise<Record<string, number>>;
  /** What an update is given besides the learning rate and its count. */
  inputs: (key: StepKey) => Promise<TensorMap>;
}): Promise<TensorMap> {
  const { name, run, options, evaluate } = spec;
  const { optimiser, state, frozen } = spec.training;
  // How often a run is saved and measured changes nothing in it: a resumed run may do so differently.
  const { checkpointEvery, evaluateEvery, ...guarded } = options;
  const measure = async (now: StepState): Promise<Record<string, number>> => {
    const model = modelOf(optimiser, now);
    try {
      return await evaluate!({ ...frozen, ...model });
    } finally {
      tf.dispose(model);
    }
  };
  const { microBatch } = options;
  let step: CapturedUpdate | undefined;
  const notes = new Map<number, Record<string, number>>();
  try {
    checkMicroBatch(options);
    const rate = scheduleOf(options, spec.images.length);
    const keep = await keepUnreadable(run, spec.images);
    step =
      microBatch !== undefined && microBatch < options.batch
        ? microBatched(name, options, optimiser, frozen, spec.loss)
        : capturedStep(name, options, (now: StepState, inputs: StepInputs) =>
            optimise(optimiser, now, inputs, frozen, wholeLoss(spec.loss, inputs)),
          );
    const last = await train<StepState, StepInputs>({
      runDir: run.dir,
      name,
      steps: options.steps,
      configuration: { ...spec.configuration, options: guarded, seed: run.seed, identity: run.identity },
      state,
      step,
      learningRate: rate,
      // Views of pictures in memory take this very thread.
      ahead: run.ahead ?? (spec.images.views ? batchesAhead(options.batch, spec.imageSize) : 1),
      inputs: async (t) => {
        const key = { seed: run.seed, stage: name, step: t, notes: {} };
        const inputs = await spec.inputs(key);
        await keep();
        notes.set(t, key.notes);
        return { ...inputs, learningRate: tf.scalar(rate(t)), update: tf.scalar(t + 1) };
      },
      notes: (t) => {
        const found = notes.get(t) ?? {};
        notes.delete(t);
        return found;
      },
      layout: optimiser.layout,
      evaluate: evaluate && evaluateEvery ? { every: evaluateEvery, run: measure } : undefined,
      checkpointEvery,
      resume: run.resume,
      onProgress: (p) => run.onProgress?.(p),
    });
    return finish(optimiser, last, frozen);
  } catch (error) {
    if (!step) tf.dispose(state); // else the training's to dispose
    throw error;
  } finally {
    step?.dispose();
  }
}
