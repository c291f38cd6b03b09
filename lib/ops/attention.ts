import { tf } from '../runtime/tf.js';

/** Added to a masked score: its exponential is exactly 0 beside any other, and unlike -Infinity it never makes a NaN. */
const MASKED = -1e9;

export interface AttentionOptions {
  /** Additive, broadcast to [..., Tq, Tk], without gradient. */
  mask?: tf.Tensor;
  /** What scores are multiplied by. Default 1 / sqrt(d). */
  scale?: number;
}

/** Dot-product attention, softmax(scale q k^T + mask) v: q [..., Tq, d], k and v [..., Tk, d]; gives [..., Tq, d]. */
export function attention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  { mask, scale = q.shape[q.rank - 1]! ** -0.5 }: AttentionOptions = {},
): tf.Tensor {
  const op = tf.customGrad((...args) => {
    const [q, k, v, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const scaled = tf.mul(q, scale);
    const scores = tf.matMul(scaled, k, false, true);
    const weights = tf.softmax(mask ? tf.add(scores, mask) : scores);
    const value = tf.matMul(weights, v);
    save([scaled, k, v, weights, value]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [scaled, k, v, weights, value] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      return tf.tidy(() => {
        // softmax's inner product over the keys equals <dy, value>, a sum over the much shorter head.
        const inner = tf.sum(tf.mul(dy, value), -1, true);
        const ds = tf.mul(weights, tf.sub(tf.matMul(dy, v, false, true), inner));
        const dq = tf.mul(tf.matMul(ds, k), scale);
        return [dq, tf.matMul(ds, scaled, true, false), tf.matMul(weights, dy, true, false)];
      });
    };
    return { value, gradFunc };
  });
  return op(q, k, v);
}

/** The additive mask [length, length] that lets a token see itself and what came before. It depends on shapes alone. */
export function causalMask(length: number): tf.Tensor2D {
  const mask = new Float32Array(length * length);
  for (let i = 0; i < length; i++) mask.fill(MASKED, i * length + i + 1, (i + 1) * length);
  return tf.tensor2d(mask, [length, length]);
}

/** One row of the causal mask for each position given: positions int32 [N], gives [N, 1, length]. */
export function causalMaskAt(positions: tf.Tensor1D, length: number): tf.Tensor3D {
  return tf.tidy(() => {
    const after = tf.greater(tf.range(0, length, 1, 'int32').expandDims(0), positions.expandDims(1));
    return tf.mul(tf.cast(after, 'float32'), MASKED).expandDims(1) as tf.Tensor3D;
  });
}

/** Projections of keys and values: weights [W, W] as [in, out], biases [W]. */
export interface KeyValueWeights {
  wk: tf.Tensor;
  bk: tf.Tensor;
  wv: tf.Tensor;
  bv: tf.Tensor;
}

/**
 * Multi-head attention of one query a row: q [N, W], already projected; tokens x [N, T, W], not projected; mask
 * additive, broadcast to [N, heads, T]. Gives [N, W], the heads joined, before the output projection.
 *
 * Keys and values are never made: q_h . (x_t W_k) = (W_k q_h) . x_t and sum_t a_t (x_t W_v) = (sum_t a_t x_t) W_v, so that
 * the two projections of T tokens (2 T W^2 multiplications a row) become 2 W^2 + 2 heads T W. The key's bias adds the
 * same to every score of a query and drops out of the softmax: its gradient is exactly zero.
 */
export function singleQueryAttention(
  q: tf.Tensor2D,
  x: tf.Tensor3D,
  { wk, bk, wv, bv }: KeyValueWeights,
  heads: number,
  mask?: tf.Tensor,
): tf.Tensor2D {
  return tf.tidy(() => {
    const [batch, width] = q.shape;
    const size = width / heads;
    const byHead = (w: tf.Tensor): tf.Tensor => w.reshape([width, heads, size]).transpose([1, 0, 2]);
    const queries = q.reshape([batch, heads, size]).transpose([1, 0, 2]);
    const folded = tf.matMul(queries, byHead(wk), false, true).transpose([1, 0, 2]);
    const mean = attention(folded, x, x, { mask, scale: size ** -0.5 }).transpose([1, 0, 2]);
    const joined = tf.matMul(mean, byHead(wv)).transpose([1, 0, 2]).reshape([batch, width]);
    // 0 bk keeps the key's bias an input of the result, as automatic differentiation demands of a parameter.
    return tf.add(joined, tf.add(bv, tf.mul(bk, 0))) as tf.Tensor2D;
  });
}

/** Joins heads: [N, h, T, d] -> [N, T, h d]. */
export function joinHeads(x: tf.Tensor): tf.Tensor3D {
  return tf.tidy(() => {
    const [batch, heads, length, size] = x.shape as [number, number, number, number];
    return x.transpose([0, 2, 1, 3]).reshape([batch, length, heads * size]) as tf.Tensor3D;
  });
}
