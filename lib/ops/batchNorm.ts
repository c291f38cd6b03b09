import { attr, executeOp, hasTensorFlow } from '../runtime/fused.js';
import { tf } from '../runtime/tf.js';

/** Scale, shift and running statistics of a batch norm, each [C]. No gradient flows to `mean` and `variance`. */
export interface BatchNormParameters {
  gamma: tf.Tensor;
  beta: tf.Tensor;
  mean: tf.Tensor;
  variance: tf.Tensor;
}

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  epsilon?: number;
  /** Weight of this batch in the running statistics. Default 0.1. */
  momentum?: number;
}

/** Output and new running statistics of batch norm in training mode. */
export interface BatchNormTraining {
  y: tf.Tensor4D;
  mean: tf.Tensor1D;
  variance: tf.Tensor1D;
}

const EPSILON = 1e-5;
const MOMENTUM = 0.1;

const attributes = (epsilon: number, training: boolean) => [
  attr.type('T', 'float32'),
  attr.type('U', 'float32'),
  attr.float('epsilon', epsilon),
  attr.string('data_format', 'NHWC'),
  attr.bool('is_training', training),
];

/** Batch norm with the given statistics (evaluation): y = gamma (x - mean) / sqrt(variance + eps) + beta, x [N,H,W,C]. */
export function batchNorm(
  x: tf.Tensor4D,
  params: BatchNormParameters,
  { epsilon = EPSILON }: BatchNormOptions = {},
): tf.Tensor4D {
  if (!hasTensorFlow()) return batchNormComposed(x, params, { epsilon });
  const { mean, variance } = params;
  const op = tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const attrs = [...attributes(epsilon, false), attr.float('exponential_avg_factor', 1)];
    const y = executeOp('FusedBatchNormV3', attrs, [x, gamma, beta, mean, variance], 6)[0]!;
    save([x, gamma, mean, variance]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [x, gamma, mean, variance] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const inputs = [dy, x, gamma, mean, variance, variance];
      return executeOp('FusedBatchNormGradV3', attributes(epsilon, false), inputs, 5).slice(0, 3);
    };
    return { value: y, gradFunc };
  });
  return op(x, params.gamma, params.beta) as tf.Tensor4D;
}

/**
 * Batch norm with the batch's own statistics (training), x [N,H,W,C]. The running statistics come back moved by
 * `momentum` towards the batch's mean and unbiased variance, as PyTorch has it; the given ones are left alone.
 */
export function batchNormTraining(
  x: tf.Tensor4D,
  params: BatchNormParameters,
  { epsilon = EPSILON, momentum = MOMENTUM }: BatchNormOptions = {},
): BatchNormTraining {
  if (!hasTensorFlow()) return batchNormTrainingComposed(x, params, { epsilon, momentum });
  const running: tf.Tensor[] = [];
  const op = tf.customGrad((...args) => {
    const [x, gamma, beta, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const attrs = [...attributes(epsilon, true), attr.float('exponential_avg_factor', momentum)];
    const inputs = [x, gamma, beta, params.mean, params.variance];
    const [y, mean, variance, r1, r2, r3] = executeOp('FusedBatchNormV3', attrs, inputs, 6) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    // A custom gradient has one output; the statistics leave past it, and past the tidy around it.
    running.push(tf.keep(mean), tf.keep(variance));
    save([x, gamma, r1, r2, r3]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      executeOp('FusedBatchNormGradV3', attributes(epsilon, true), [dy, ...saved], 5).slice(0, 3);
    return { value: y, gradFunc };
  });
  const y = op(x, params.gamma, params.beta) as tf.Tensor4D;
  const [mean, variance] = running.map((kept) => {
    const owned = kept.clone() as tf.Tensor1D;
    kept.dispose();
    return owned;
  }) as [tf.Tensor1D, tf.Tensor1D];
  return { y, mean, variance };
}

/** `batchNorm` from TensorFlow.js's own operations: the other backends' route, and the reference. */
export function batchNormComposed(
  x: tf.Tensor4D,
  { gamma, beta, mean, variance }: BatchNormParameters,
  { epsilon = EPSILON }: BatchNormOptions = {},
): tf.Tensor4D {
  return tf.tidy(() => {
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add(tf.mul(x, scale), tf.sub(beta, tf.mul(mean, scale)));
  });
}

/** `batchNormTraining` from TensorFlow.js's own operations. */
export function batchNormTrainingComposed(
  x: tf.Tensor4D,
  params: BatchNormParameters,
  { epsilon = EPSILON, momentum = MOMENTUM }: BatchNormOptions = {},
): BatchNormTraining {
  const [batch, height, width] = x.shape;
  const n = batch * height * width;
  const outputs = tf.tidy(() => {
    const mean = tf.mean(x, [0, 1, 2]);
    const variance = tf.mean(tf.square(tf.sub(x, mean)), [0, 1, 2]);
    const move = (old: tf.Tensor, now: tf.Tensor): tf.Tensor =>
      tf.add(tf.mul(old, 1 - momentum), tf.mul(now, momentum));
    return {
      y: batchNormComposed(x, { ...params, mean, variance }, { epsilon }),
      mean: move(params.mean, mean),
      variance: move(params.variance, tf.mul(variance, n / Math.max(1, n - 1))),
    };
  });
  return outputs as unknown as BatchNormTraining;
}
