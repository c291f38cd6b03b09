import { tf } from '../runtime/tf.js';
import { Arguments, type Integers, toInt32 } from './arguments.js';

/** Epsilon of the attention's layer norms. */
export const NORM_EPSILON = 1e-5;

/** Added to the logits of padding: finite, so that a class without anchors makes no NaN; its softmax is exactly 0. */
const PADDING_LOGIT = -1e30;

/** What the attention needs of the frozen anchors [C, M, D]. Padding is zero in all of it, whatever it held. */
export type AnchorTensors = {
  /** The anchors as [C·M, D]. */
  rows: tf.Tensor2D;
  /** 1/(σ√D) of each anchor's layer norm, [1, C·M]: what its logits are scaled by. */
  keyScale: tf.Tensor2D;
  /** 0 for an anchor, a very large negative number for padding, [1, C, M]. */
  padding: tf.Tensor3D;
  /** Gram matrix T_c·T_cᵀ of each class, [C, M, M]. */
  gram: tf.Tensor3D;
  /** 1 for a class with an anchor, 0 without, [1, C]. */
  present: tf.Tensor2D;
  /** 0 for a class with an anchor, −Infinity without, [1, C]. */
  absent: tf.Tensor2D;
};

/** Checks anchors [C, M, D] with their counts; binds C, M and D. */
export function checkAnchors(argument: Arguments, anchors: unknown, counts: unknown): void {
  argument.tensor('anchors', anchors, ['C', 'M', 'D']);
  argument.integers('counts', counts, 'C', 0, argument.size('M'));
}

/** Computes the anchors' tensors; call it in a tidy. */
export function anchorTensors(anchors: tf.Tensor3D, counts: Integers): AnchorTensors {
  const [classes, perClass, dim] = anchors.shape;
  const count = toInt32(counts);
  const valid = tf.less(tf.range(0, perClass, 1, 'int32').expandDims(0), tf.expandDims(count, 1)) as tf.Tensor2D;
  // Chosen before any arithmetic: 0·NaN would be NaN.
  const full = !(counts instanceof tf.Tensor) && counts.every((n) => n === perClass);
  const clean = full ? anchors : (tf.where(tf.expandDims(valid, 2), anchors, 0) as tf.Tensor3D);
  const rows = tf.reshape(clean, [classes * perClass, dim]) as tf.Tensor2D;
  const present = tf.expandDims(tf.cast(tf.greater(count, 0), 'float32'), 0) as tf.Tensor2D;
  const isValid = tf.cast(valid, 'float32');
  const keyScale = tf.mul(tf.rsqrt(tf.add(tf.moments(rows, 1).variance, NORM_EPSILON)), 1 / Math.sqrt(dim));
  return {
    rows,
    keyScale: tf.mul(tf.reshape(keyScale, [1, -1]), tf.reshape(isValid, [1, -1])),
    padding: tf.expandDims(tf.mul(tf.sub(1, isValid), PADDING_LOGIT), 0) as tf.Tensor3D,
    gram: tf.matMul(clean, clean, false, true),
    present,
    absent: tf.where(tf.greater(present, 0), 0, -Infinity) as tf.Tensor2D,
  };
}

/**
 * Frozen anchors made ready once for many calls of `anchorAttention`, which otherwise does this in every call: layer
 * norm statistics, Gram matrices and the clearing of padding. Independent of the anchors tensor afterwards. Not subject
 * to `tf.tidy`: the owner calls `dispose`.
 */
export class AnchorTable {
  /** C, M and D of the anchors. */
  readonly shape: readonly [classes: number, perClass: number, dim: number];
  readonly tensors: AnchorTensors;

  /** @param anchors float32 [C, M, D] @param counts valid anchors a class, int32 [C], each in [0, M] */
  constructor(anchors: tf.Tensor3D, counts: Integers) {
    checkAnchors(new Arguments('AnchorTable'), anchors, counts);
    this.shape = anchors.shape;
    this.tensors = tf.tidy(() => {
      const tensors = anchorTensors(anchors, counts);
      for (const tensor of Object.values(tensors)) tf.keep(tensor);
      return tensors;
    });
  }

  get isDisposed(): boolean {
    return this.tensors.rows.isDisposed;
  }

  dispose(): void {
    if (!this.isDisposed) tf.dispose(Object.values(this.tensors));
  }
}
