import { tf } from '../runtime/tf.js';

/**
 * Matrix product of two matrices, op(a)·op(b), for use inside custom gradients. The wasm backend runs its fast routine
 * for untransposed operands alone (a transposed one costs five to ten times as much), so there the transposition is
 * made first; elsewhere the product does it.
 */
export function product(a: tf.Tensor2D, b: tf.Tensor2D, transposeA = false, transposeB = false): tf.Tensor2D {
  if (tf.getBackend() !== 'wasm') return tf.matMul(a, b, transposeA, transposeB);
  return tf.tidy(() => tf.matMul(transposeA ? tf.transpose(a) : a, transposeB ? tf.transpose(b) : b));
}
