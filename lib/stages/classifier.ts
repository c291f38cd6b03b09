import type { ClipConfig } from '../clip/config.js';
import { encodeImage } from '../clip/model.js';
import type { LongTailData } from '../data/types.js';
import { check } from '../errors.js';
import { crossEntropy, softCrossEntropy } from '../ops/crossEntropy.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { mixBatch } from '../training/mixup.js';
import { argMaxRows, classCounts, topOne } from './accuracy.js';
import { imageFeatures, overRows } from './features.js';
import { isHeadParameter } from './head.js';
import { createOptimiser } from './optimise.js';
import type { ClassifierOptions, SamplerKind, StageRun } from './options.js';
import { imageBatch, runStage, streamOf, trainSampler } from './run.js';

/** Power of the class count in the distribution a sampler draws classes from: p(c) ∝ n_c^power. */
const PRIOR_POWER: Record<SamplerKind, number> = { uniform: 1, sqrt: 0.5, balanced: 0 };

/**
 * log p(c) of the classes as the sampler draws them, [C]: what balanced softmax adds to the training logits
 * (METHOD.md: the prior must match the sampler; under 1/√n weights it is ½·log n up to a constant).
 */
export function logPrior(counts: ArrayLike<number>, sampler: SamplerKind): Float32Array {
  const power = PRIOR_POWER[sampler];
  const weights = Array.from(counts, (n) => (power === 0 ? 1 : Math.max(n, 1e-9) ** power));
  const total = weights.reduce((a, b) => a + b, 0);
  return Float32Array.from(weights, (w) => Math.log(w / total));
}

export interface ClassifierSpec {
  name: 'finetune' | 'baseline';
  config: ClipConfig;
  /** Encoder parameters (CLIP's names) and head parameters in one map. */
  model: TensorMap;
  options: ClassifierOptions;
  /** Factor on the learning rate of a head parameter. */
  headRate?: (name: string) => number;
  /** Logits of every branch for features x [B, D]; the loss is the sum of their cross-entropies. */
  logits: (params: TensorMap, x: tf.Tensor2D) => Record<string, tf.Tensor2D>;
}

/**
 * Trains an image classifier on top of a visual encoder by cross-entropy: stage 2 and the vision-only baseline are
 * both this, with different heads. Text parameters of the model stay as they are.
 * @returns the trained model's tensors; the caller disposes them
 */
export async function trainClassifier(data: LongTailData, spec: ClassifierSpec, run: StageRun): Promise<TensorMap> {
  const { config, model, options } = spec;
  const classes = data.classes.length;
  const freeze = options.encoderRate === 0;
  check(
    !(freeze && options.batchNorm === 'train'),
    'ERR_ARGUMENT',
    () => 'batchNorm is "train" although encoderRate is 0; a frozen encoder needs batchNorm "eval"',
  );
  const training = createOptimiser(model, {
    ...options,
    frozen: (name) => !isHeadParameter(name) && (freeze || !name.startsWith('visual.')),
    lrFactor: (name) => (isHeadParameter(name) ? (spec.headRate?.(name) ?? 1) : options.encoderRate),
  });
  const prior = options.balanced
    ? tf.tensor1d(logPrior(classCounts(data.train.labels, classes), options.sampler))
    : undefined;
  const draw = trainSampler(data, options, run.seed, spec.name);

  const { val } = data;
  try {
    return await runStage({
      name: spec.name,
      run,
      options,
      images: data.train,
      imageSize: config.visual.imageSize,
      configuration: { config, classes },
      training,
      loss: {
        rows: ['image'],
        frozen: freeze,
        embed: (rows) => ({
          encode: (params) => {
            const images = rows.image as tf.Tensor4D;
            const { features, batchStats } = encodeImage(config, params, images, {
              training: options.batchNorm === 'train',
            });
            return { features: { x: features }, batchStats };
          },
        }),
        loss: (params, given) => {
          const losses = Object.entries(spec.logits(params, given.x as tf.Tensor2D)).map(([branch, z]) => {
            const biased = prior ? (tf.add(z, prior) as tf.Tensor2D) : z;
            const loss = given.targets
              ? softCrossEntropy(biased, given.targets as tf.Tensor2D)
              : crossEntropy(biased, given.labels as tf.Tensor1D, { smoothing: options.smoothing });
            return [branch, loss] as const;
          });
          return {
            loss: losses.map(([, l]) => l).reduce((a, b) => tf.add(a, b)) as tf.Scalar,
            outputs: Object.fromEntries(losses),
          };
        },
      },
      evaluate:
        val &&
        (async (params) => {
          const x = await imageFeatures(config, params, val);
          const logits = overRows(x, config.embedDim, (rows) => spec.logits(params, rows));
          return Object.fromEntries(
            Object.entries(logits).map(([branch, z]) => [
              `val_${branch}`,
              topOne(argMaxRows(z, z.length / val.length), val.labels),
            ]),
          );
        }),
      inputs: async (key) => {
        const chosen = draw(key.step, options.batch);
        const labels = Int32Array.from(chosen, (i) => data.train.labels[i]!);
        const image = await imageBatch(data.train, chosen, config.visual.imageSize, options, key);
        if (!options.mixup) return { image, labels: tf.tensor1d(labels, 'int32') };
        const { seed, step } = key;
        const { smoothing } = options;
        return mixBatch(image, labels, { classes, smoothing, seed, step, stream: streamOf(key, 'mixup') });
      },
    });
  } finally {
    prior?.dispose();
  }
}
