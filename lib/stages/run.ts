import type { ImageSource, LongTailData } from '../data/types.js';
import { check } from '../errors.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type AugmentOptions, augment } from '../training/augment.js';
import { train } from '../training/loop.js';
import { balancedWeights, type Sampler, sqrtWeights, uniformWeights, weightedSampler } from '../training/sampler.js';
import { cosine, epochCosine, type Schedule } from '../training/schedule.js';
import { type CapturedUpdate, capturedStep } from './capturedStep.js';
import { updatesPerEpoch } from './epochs.js';
import { checkMicroBatch, microBatched } from './microBatch.js';
import { finish, modelOf, optimise, type StepInputs, type StepState, type Training } from './optimise.js';
import type { SamplerKind, StageRun, TrainOptions } from './options.js';
import { type StageLoss, wholeLoss } from './stageLoss.js';

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
}

/** Name of a stage's random numbers of one kind. */
export const streamOf = ({ stage }: StepKey, kind: 'view' | 'text' | 'mixup'): string => `${stage}/${kind}`;

/** A training batch of augmented, normalised pictures [n, size, size, 3]; the draws are a function of `key`. */
export async function imageBatch(
  images: ImageSource,
  indices: ArrayLike<number>,
  size: number,
  options: AugmentOptions,
  key: StepKey,
): Promise<tf.Tensor4D> {
  const pixels = await images.read(indices);
  const views = augment(pixels, images.size, size, options, key.seed, key.step, streamOf(key, 'view'));
  return tf.tensor4d(views, [indices.length, size, size, 3]);
}

/**
 * Runs a stage's steps under its schedule with checkpoints, metrics and exact resume.
 * @returns the trained model's tensors, frozen ones included; the caller disposes them
 */
export async function runStage(spec: {
  name: string;
  run: StageRun;
  options: TrainOptions;
  /** Training pictures: the length of an epoch. */
  pictures: number;
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
  try {
    checkMicroBatch(options);
    const rate = scheduleOf(options, spec.pictures);
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
      inputs: async (t) => ({
        ...(await spec.inputs({ seed: run.seed, stage: name, step: t })),
        learningRate: tf.scalar(rate(t)),
        update: tf.scalar(t + 1),
      }),
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
