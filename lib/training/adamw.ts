import { check } from '../errors.js';
import { tf } from '../runtime/tf.js';
import { type FlatLayout, perParameter } from './flat.js';

export { type FlatLayout, flatLayout, nameAt, pack, perParameter, unpack } from './flat.js';

/** CLIP's bound on logit_scale: a temperature of 0.01. */
export const MAX_LOGIT_SCALE = Math.log(100);

/** Parameters and moments, vectors of one layout. */
export type AdamwState = { params: tf.Tensor1D; m: tf.Tensor1D; v: tf.Tensor1D };

/** What a step needs beside the state and the gradient. */
export interface AdamwOptions {
  /** Scalar. */
  learningRate: tf.Scalar;
  /** Steps taken including this one, 1-based, float32 scalar. */
  step: tf.Scalar;
  /** Factor on the learning rate of each element [N]; default 1. */
  lrMultiplier?: tf.Tensor1D;
  /** 1 where weight decay applies, else 0 [N]; see `decayMask`. */
  decayMask: tf.Tensor1D;
  /** Default 0.05. */
  weightDecay?: number;
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-8. */
  eps?: number;
  /** Scales the gradient down to this global norm; default: not at all. */
  clipNorm?: number;
  /** Bounds one element from above after the step; see `logitScaleBound`. */
  upperBound?: { index: number; value: number };
}

/**
 * Where weight decay applies: to parameters of two or more dimensions that are no biases.
 * @param options.decayScalars also to 0-D parameters, as in the authors' code (logit_scale)
 */
export function decayMask(layout: FlatLayout, options: { decayScalars?: boolean } = {}): tf.Tensor1D {
  return perParameter(layout, (name, shape) => {
    if (name.endsWith('bias')) return 0;
    return shape.length > 1 || (shape.length === 0 && options.decayScalars) ? 1 : 0;
  });
}

/** The bound ln 100 on `logit_scale`, or undefined where the layout does not hold it. */
export function logitScaleBound(layout: FlatLayout, name = 'logit_scale'): AdamwOptions['upperBound'] {
  const i = layout.names.indexOf(name);
  return i < 0 ? undefined : { index: layout.offsets[i]!, value: MAX_LOGIT_SCALE };
}

/** Moments of zero. The caller owns them. */
export function adamwInit(layout: FlatLayout): { m: tf.Tensor1D; v: tf.Tensor1D } {
  return { m: tf.zeros([layout.size]), v: tf.zeros([layout.size]) };
}

/** Replaces x_i by min(x_i, value); NaN stays NaN. */
function boundElement(x: tf.Tensor1D, index: number, value: number): tf.Tensor1D {
  const parts: tf.Tensor1D[] = [];
  if (index > 0) parts.push(x.slice([0], [index]));
  const element = x.slice([index], [1]);
  parts.push(element.sub(element.sub(value).relu()));
  if (index + 1 < x.size) parts.push(x.slice([index + 1], [x.size - index - 1]));
  return tf.concat1d(parts);
}

/**
 * One step of AdamW (Loshchilov and Hutter, ICLR 2019; as torch.optim.AdamW): with g clipped,
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p(1 − ηλ) − η·m̂/(√v̂ + ε), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ).
 * A pure function of tensors: nothing is read back, nothing is written in place. Clipping is
 * g·min(1, clipNorm/(‖g‖ + 1e-6)) over all elements, as torch.nn.utils.clip_grad_norm_.
 * @returns the new state and ‖g‖ before clipping; the caller disposes both states
 */
export function adamwStep(
  state: AdamwState,
  grad: tf.Tensor1D,
  options: AdamwOptions,
): AdamwState & { gradNorm: tf.Scalar } {
  const { learningRate, step, lrMultiplier, weightDecay = 0.05, beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = options;
  const { clipNorm, upperBound } = options;
  const size = state.params.size;
  for (const [name, x] of Object.entries({ ...state, grad, decayMask: options.decayMask, lrMultiplier }))
    check(!x || x.size === size, 'ERR_ARGUMENT', () => `${name} has ${x?.size} elements, the parameters ${size}`);
  return tf.tidy(() => {
    const squares = grad.square();
    const gradNorm = squares.sum().sqrt() as tf.Scalar;
    // Scalars are combined first, so that each costs no pass over the vectors.
    const clip = clipNorm === undefined ? tf.scalar(1) : tf.scalar(clipNorm).div(gradNorm.add(1e-6)).minimum(1);
    const m = state.m.mul(beta1).add(grad.mul(clip.mul(1 - beta1))) as tf.Tensor1D;
    const v = state.v.mul(beta2).add(squares.mul(clip.square().mul(1 - beta2))) as tf.Tensor1D;
    // 1 − βᵗ by expm1: subtracting a power from 1 in float32 loses four digits at t = 1.
    const correction = (beta: number): tf.Tensor => step.mul(Math.log(beta)).expm1().neg();
    const denominator = v.sqrt().mul(correction(beta2).rsqrt()).add(eps);
    const update = m.div(denominator).mul(learningRate.div(correction(beta1)));
    const decay = state.params.mul(options.decayMask).mul(learningRate.mul(weightDecay));
    const change = decay.add(update);
    let params = state.params.sub(lrMultiplier ? change.mul(lrMultiplier) : change) as tf.Tensor1D;
    if (upperBound) params = boundElement(params, upperBound.index, upperBound.value);
    return { params, m, v, gradNorm };
  });
}
