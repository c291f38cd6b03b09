import { tf } from '../runtime/tf.js';
import { Arguments } from './arguments.js';

/** Rows at unit length, y = x / max(‖x‖, eps), and 1 / max(‖x‖, eps) with a last axis of size 1. Call it in a tidy. */
export function unitRows<T extends tf.Tensor>(x: T, eps: number): { unit: T; inverse: tf.Tensor } {
  const inverse = tf.reciprocal(tf.maximum(tf.sqrt(tf.sum(tf.square(x), -1, true)), eps));
  return { unit: tf.mul(x, inverse), inverse };
}

/** Gradient of `unitRows`: (dy − y⟨y,dy⟩)/‖x‖; where the norm was clamped it is a constant, so dy/eps. */
export function unitRowsGrad<T extends tf.Tensor>(dy: T, unit: T, inverse: tf.Tensor, eps: number): T {
  const along = tf.sum(tf.mul(unit, dy), -1, true);
  const free = tf.cast(tf.less(inverse, clampedInverse(eps)), 'float32');
  return tf.mul(tf.sub(dy, tf.mul(unit, tf.mul(along, free))), inverse);
}

// 1/eps as the backends compute it, in float32, less a rounding: a norm this close to eps counts as clamped.
const clampedInverse = (eps: number): number => (1 / eps) * (1 - 1e-6);

/**
 * Rows of `x` [..., D] scaled to unit Euclidean length over the last axis: x / max(‖x‖, `eps`), as PyTorch's
 * `F.normalize` has it. A row of norm at most `eps` is divided by `eps`. Differentiable.
 */
export function l2Normalize<T extends tf.Tensor>(x: T, eps = 1e-12): T {
  const argument = new Arguments('l2Normalize');
  if (!(x instanceof tf.Tensor) || x.isDisposed || x.dtype !== 'float32' || x.rank < 1)
    argument.fail('x', x, 'float32 [..., D]');
  argument.number('eps', eps, Number.MIN_VALUE, 1);
  return tf.customGrad((input, save) => {
    const { unit, inverse } = unitRows(input as T, eps);
    (save as tf.GradSaveFunc)([unit, inverse]);
    return {
      value: unit,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => unitRowsGrad(dy, saved[0]!, saved[1]!, eps),
    };
  })(x) as T;
}
