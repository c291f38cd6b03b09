import { loadAddon } from '../../bindings/load.js';
import { bytesOf } from '../bytes.js';
import { check } from '../errors.js';
import { untraced } from '../runtime/capture/tracing.js';
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

/** How a table's anchors are stored. */
export type AnchorPrecision = 'fp32' | 'bf16';

export interface AnchorTableOptions {
  /**
   * `bf16`: each class's mean in float32 and what is left of its anchors in bfloat16, half the memory and faster; the
   * logits are then off by about 1e-3 of their spread. The plain formulas (kernels `tfjs`) compute in float32 whatever
   * this says. Default `fp32`.
   */
  precision?: AnchorPrecision;
}

/** The addon's table; `forgotten` frees it once nobody can reach its holder. */
function makeNative(holder: object, anchors: tf.Tensor3D, counts: Int32Array, precision: AnchorPrecision): number {
  return untraced(() => {
    const [, perClass, dim] = anchors.shape;
    const values = anchors.dataSync() as Float32Array;
    const number = loadAddon().newAnchorTable(values, counts, perClass, dim, precision === 'bf16');
    forgotten.register(holder, number, holder);
    return number;
  });
}

const forgotten = new FinalizationRegistry<number>((number) => loadAddon().deleteAnchorTable(number));

/** A table of the addon's. */
export interface NativeTable {
  readonly number: number;
  readonly counts: Int32Array;
}

const known = new WeakMap<object, NativeTable>();

/** The addon's table of plain anchors, made once for a tensor and its counts. */
export function nativeTableOf(anchors: tf.Tensor3D, counts: Integers): NativeTable {
  const values = countsOf(counts);
  const found = known.get(anchors.dataId);
  if (found && Buffer.compare(bytesOf(found.counts), bytesOf(values)) === 0) return found;
  const made = { number: 0, counts: values };
  made.number = makeNative(made, anchors, values, 'fp32');
  known.set(anchors.dataId, made);
  return made;
}

const countsOf = (counts: Integers): Int32Array =>
  Int32Array.from(counts instanceof tf.Tensor ? (counts.dataSync() as Int32Array) : counts);

/**
 * Frozen anchors made ready once for many calls of `anchorAttention`: layer norm statistics, Gram matrices and the
 * clearing of padding. Independent of the anchors tensor afterwards. Not subject to `tf.tidy`: the owner calls `dispose`.
 */
export class AnchorTable {
  /** C, M and D of the anchors. */
  readonly shape: readonly [classes: number, perClass: number, dim: number];
  readonly precision: AnchorPrecision;
  readonly #anchors: tf.Tensor3D;
  readonly #counts: Int32Array;
  #tensors: AnchorTensors | undefined;
  #native: number | undefined;

  /** @param anchors float32 [C, M, D] @param counts valid anchors a class, int32 [C], each in [0, M] */
  constructor(anchors: tf.Tensor3D, counts: Integers, { precision = 'fp32' }: AnchorTableOptions = {}) {
    checkAnchors(new Arguments('AnchorTable'), anchors, counts);
    check(
      precision === 'fp32' || precision === 'bf16',
      'ERR_ARGUMENT',
      () => `AnchorTable: precision is '${String(precision)}'; expected fp32 or bf16`,
    );
    this.shape = anchors.shape;
    this.precision = precision;
    this.#anchors = tf.keep(anchors.clone());
    this.#counts = countsOf(counts);
  }

  /** The anchors as given, [C, M, D]; nothing is computed. */
  get anchors(): tf.Tensor3D {
    return this.#anchors;
  }

  /** What the plain formula works with; made when it is first asked for. */
  get tensors(): AnchorTensors {
    // Outside of a step that is being captured: it is the same in every call.
    this.#tensors ??= untraced(() =>
      tf.tidy(() => {
        const tensors = anchorTensors(this.#anchors, this.#counts);
        for (const tensor of Object.values(tensors)) tf.keep(tensor);
        return tensors;
      }),
    );
    return this.#tensors;
  }

  /** The addon's table; made when it is first asked for. */
  get native(): NativeTable {
    this.#native ??= makeNative(this, this.#anchors, this.#counts, this.precision);
    return { number: this.#native, counts: this.#counts };
  }

  get isDisposed(): boolean {
    return this.#anchors.isDisposed;
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.#anchors.dispose();
    if (this.#tensors) tf.dispose(Object.values(this.#tensors));
    if (this.#native === undefined) return;
    forgotten.unregister(this);
    loadAddon().deleteAnchorTable(this.#native);
  }
}

/** `new AnchorTable(anchors, counts, options)`. The owner disposes it. @throws VlltrError ERR_ARGUMENT */
export function anchorTable(anchors: tf.Tensor3D, counts: Integers, options: AnchorTableOptions = {}): AnchorTable {
  return new AnchorTable(anchors, counts, options);
}
