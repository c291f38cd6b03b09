import { attr, executeOp, hasTensorFlow } from '../runtime/fused.js';
import { tf } from '../runtime/tf.js';
import { Arguments, type Integers, toInt32 } from './arguments.js';

export interface CrossEntropyOptions {
  /** Label smoothing ε in [0, 1]: targets become (1 − ε)·target + ε/C. Default 0. */
  smoothing?: number;
  /**
   * Natural log of each class's share among the training samples [C], added to the logits: balanced softmax
   * (Ren et al., NeurIPS 2020). A constant offset of all classes changes nothing.
   */
  logPrior?: tf.Tensor1D | Float32Array | readonly number[];
}

/**
 * Mean over the batch of the softmax cross-entropy of `logits` [B, C] against class `labels`, int32 [B], each in
 * [0, C) (an int32 tensor is not read, so not checked). Gradient to the logits only. Throws `ERR_ARGUMENT`.
 */
export function crossEntropy(logits: tf.Tensor2D, labels: Integers, options: CrossEntropyOptions = {}): tf.Scalar {
  const argument = new Arguments('crossEntropy');
  argument.tensor('logits', logits, ['B', 'C']);
  argument.integers('labels', labels, 'B', 0, argument.size('C') - 1);
  checkOptions(argument, options);
  return tf.tidy(() => {
    // Not tf.oneHot: on wasm it writes whole numbers' bits into float32.
    const classes = tf.range(0, logits.shape[1], 1, 'int32');
    const targets = tf.cast(tf.equal(tf.expandDims(toInt32(labels), 1), classes), 'float32');
    return meanCrossEntropy(logits, targets as tf.Tensor2D, options);
  });
}

/**
 * As `crossEntropy`, against a distribution for each row: `targets` [B, C], rows summing to 1 (not checked), as mixup
 * and cutmix make them. Gradient to the logits only.
 */
export function softCrossEntropy(
  logits: tf.Tensor2D,
  targets: tf.Tensor2D,
  options: CrossEntropyOptions = {},
): tf.Scalar {
  const argument = new Arguments('softCrossEntropy');
  argument.tensor('logits', logits, ['B', 'C']);
  argument.tensor('targets', targets, ['B', 'C']);
  checkOptions(argument, options);
  return tf.tidy(() => meanCrossEntropy(logits, targets, options));
}

function checkOptions(argument: Arguments, { smoothing = 0, logPrior }: CrossEntropyOptions): void {
  argument.number('smoothing', smoothing, 0, 1);
  if (logPrior instanceof tf.Tensor) argument.tensor('logPrior', logPrior, ['C']);
  else if (logPrior !== undefined && logPrior.length !== argument.size('C'))
    argument.fail('logPrior', logPrior, `one number for each of ${argument.size('C')} classes`);
}

function meanCrossEntropy(logits: tf.Tensor2D, targets: tf.Tensor2D, options: CrossEntropyOptions): tf.Scalar {
  const { smoothing = 0, logPrior } = options;
  const [batch, classes] = logits.shape;
  const op = tf.customGrad((z, save) => {
    const prior = logPrior instanceof tf.Tensor || !logPrior ? logPrior : tf.tensor1d(logPrior as number[], 'float32');
    const biased = (prior ? tf.add(z as tf.Tensor, prior) : z) as tf.Tensor2D;
    const smooth: tf.Tensor2D = smoothing === 0 ? targets : tf.add(tf.mul(targets, 1 - smoothing), smoothing / classes);
    const { losses, residual } = hasTensorFlow() ? fused(biased, smooth) : composed(biased, smooth);
    (save as tf.GradSaveFunc)([residual]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(saved[0]!, tf.mul(dy, 1 / batch));
    return { value: tf.mean(losses), gradFunc };
  });
  return op(logits) as tf.Scalar;
}

/** Losses of the rows, and their gradient softmax − targets. */
type RowLosses = { losses: tf.Tensor; residual: tf.Tensor };

function fused(logits: tf.Tensor2D, targets: tf.Tensor2D): RowLosses {
  const op = 'SoftmaxCrossEntropyWithLogits';
  const [losses, residual] = executeOp(op, [attr.type('T', 'float32')], [logits, targets], 2);
  return { losses: losses!, residual: residual! };
}

function composed(logits: tf.Tensor2D, targets: tf.Tensor2D): RowLosses {
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  const exponentials = tf.exp(shifted);
  const total = tf.sum(exponentials, 1, true);
  return {
    losses: tf.sum(tf.mul(targets, tf.sub(tf.log(total), shifted)), 1),
    residual: tf.sub(tf.div(exponentials, total), targets),
  };
}
