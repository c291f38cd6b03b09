import type { ImageSource, LongTailData } from '../data/types.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type AugmentOptions, augment } from '../training/augment.js';
import type { FlatLayout } from '../training/flat.js';
import { train } from '../training/loop.js';
import { balancedWeights, type Sampler, sqrtWeights, uniformWeights, weightedSampler } from '../training/sampler.js';
import { cosine } from '../training/schedule.js';
import type { StepInputs, StepState } from './optimise.js';
import type { SamplerKind, StageRun, TrainOptions } from './options.js';

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

/**
 * Name of a stage's random numbers of one kind. Every stage has its own: the baseline must not see, step by step, the
 * very views that stage 2 sees.
 */
export const streamOf = (stage: string, kind: 'view' | 'text' | 'mixup'): string => `${stage}/${kind}`;

/** A training batch of augmented, normalised pictures [n, size, size, 3]; the draws are keyed by (seed, stage, step). */
export async function imageBatch(
  images: ImageSource,
  indices: ArrayLike<number>,
  size: number,
  options: AugmentOptions,
  { seed, stage, step }: { seed: number; stage: string; step: number },
): Promise<tf.Tensor4D> {
  const pixels = await images.read(indices);
  const views = augment(pixels, images.size, size, options, seed, step, streamOf(stage, 'view'));
  return tf.tensor4d(views, [indices.length, size, size, 3]);
}

/** Runs a stage's steps under its schedule with checkpoints, metrics and exact resume; gives the last state. */
export async function runStage(spec: {
  name: string;
  run: StageRun;
  options: TrainOptions;
  /** What must agree, besides the options and the seed, for a checkpoint to be resumed. */
  configuration: Record<string, unknown>;
  state: StepState;
  step: (state: StepState, inputs: StepInputs) => { state: StepState; outputs: Record<string, tf.Tensor> };
  layout: FlatLayout;
  /** Measured now and then and at the end; goes into metrics.jsonl. */
  evaluate?: (state: StepState, step: number) => Promise<Record<string, number>>;
  /** What step t (0-based) is given besides the learning rate and the update count. */
  inputs: (t: number) => Promise<TensorMap>;
}): Promise<StepState> {
  const { name, run, options } = spec;
  // How often a run is saved and measured changes nothing in it: a resumed run may do so differently.
  const { checkpointEvery, evaluateEvery, ...guarded } = options;
  const rate = cosine({
    base: options.learningRate,
    steps: options.steps,
    warmup: options.warmupSteps,
    min: options.minLearningRate,
  });
  return train<StepState, StepInputs>({
    runDir: run.dir,
    name,
    steps: options.steps,
    configuration: { ...spec.configuration, options: guarded, seed: run.seed, identity: run.identity },
    state: spec.state,
    step: spec.step,
    learningRate: rate,
    inputs: async (t) => ({
      ...(await spec.inputs(t)),
      learningRate: tf.scalar(rate(t)),
      update: tf.scalar(t + 1),
    }),
    layout: spec.layout,
    evaluate: spec.evaluate && evaluateEvery ? { every: evaluateEvery, run: spec.evaluate } : undefined,
    checkpointEvery,
    resume: run.resume,
    onProgress: (p) => run.onProgress?.(p),
  });
}
