import { isBuffer } from '../clip/parameters.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import {
  type AdamwOptions,
  adamwInit,
  adamwStep,
  decayMask,
  type FlatLayout,
  flatLayout,
  logitScaleBound,
  pack,
  perParameter,
  unpack,
} from '../training/adamw.js';

/** What a training step carries from one step to the next: a tree of tensors and nothing else. */
export interface StepState extends Record<string, tf.Tensor | TensorMap> {
  /** All trained parameters, packed (see `FlatLayout`). */
  params: tf.Tensor1D;
  /** AdamW's moments. */
  m: tf.Tensor1D;
  v: tf.Tensor1D;
  /** Running statistics of batch norm, by name. */
  buffers: TensorMap;
}

/** What every step is given besides its own inputs. */
export interface StepInputs extends TensorMap {
  /** Learning rate, scalar. */
  learningRate: tf.Scalar;
  /** 1-based count of this update, scalar float32. */
  update: tf.Scalar;
}

/** Constants of an optimisation: how the packed vector is laid out and treated. */
export interface Optimiser extends Omit<AdamwOptions, 'learningRate' | 'step'> {
  layout: FlatLayout;
}

export interface OptimiserOptions {
  weightDecay: number;
  /** Gradients are scaled down to this global norm; absent: never. */
  clipNorm?: number;
  /** Weight decay applies to `logit_scale`, too. Default false. */
  decayScalars?: boolean;
  /** `logit_scale` may pass CLIP's bound of ln 100. Default false. */
  freeLogitScale?: boolean;
  /** Factor on the learning rate of a parameter. */
  lrFactor?: (name: string) => number;
  /** Parameters that are left as they are; they are not in the packed vector. */
  frozen?: (name: string) => boolean;
}

/** A stage's loss and what it wants recorded; scalars. `batchStats` are batch norm's new running statistics. */
export interface LossParts {
  loss: tf.Scalar;
  outputs?: Record<string, tf.Tensor>;
  batchStats?: TensorMap;
}

/** A model made ready for training. */
export interface Training {
  optimiser: Optimiser;
  /** The first state. */
  state: StepState;
  /** Parameters that are left as they are: the model's own tensors. */
  frozen: TensorMap;
}

/** Splits a model into trained (packed), buffers, and the rest, and makes the first state. The model is not consumed. */
export function createOptimiser(model: TensorMap, options: OptimiserOptions): Training {
  const isFrozen = options.frozen ?? (() => false);
  const names = Object.keys(model).filter((name) => !isBuffer(name) && !isFrozen(name));
  const layout = flatLayout(model, names);
  const params = pack(layout, model);
  const entries = Object.entries(model);
  const factor = options.lrFactor;
  return {
    optimiser: {
      layout,
      decayMask: decayMask(layout, { decayScalars: options.decayScalars }),
      lrMultiplier: factor && names.some((name) => factor(name) !== 1) ? perParameter(layout, factor) : undefined,
      upperBound: options.freeLogitScale ? undefined : logitScaleBound(layout),
      weightDecay: options.weightDecay,
      clipNorm: options.clipNorm,
    },
    state: {
      params,
      ...adamwInit(layout),
      // Tensors of their own: the model may be a teacher too, whose statistics a captured step takes for constants.
      buffers: Object.fromEntries(
        entries.filter(([name]) => isBuffer(name)).map(([name, t]) => [name, t.reshape(t.shape)]),
      ),
    },
    frozen: Object.fromEntries(entries.filter(([name]) => !isBuffer(name) && isFrozen(name))),
  };
}

/** The model a state stands for: trained parameters, buffers, and what was frozen. The caller disposes the first two. */
export function modelOf(
  optimiser: Optimiser,
  state: Pick<StepState, 'params' | 'buffers'>,
  frozen: TensorMap = {},
): TensorMap {
  const buffers = Object.fromEntries(Object.entries(state.buffers).map(([name, t]) => [name, t.clone()]));
  return { ...frozen, ...unpack(optimiser.layout, state.params), ...buffers };
}

/** The trained model; its state is disposed. The caller disposes the model. */
export function finish(optimiser: Optimiser, state: StepState, frozen: TensorMap = {}): TensorMap {
  const model = modelOf(optimiser, state, frozen);
  tf.dispose(state);
  return model;
}

/** Frees an optimiser's constants. */
export function disposeOptimiser(optimiser: Optimiser): void {
  tf.dispose([optimiser.decayMask, optimiser.lrMultiplier ?? []]);
}

/** A loss with its gradient for the packed parameters, and what it gave besides. */
export interface LossGradient {
  loss: tf.Scalar;
  /** [layout.size] */
  grad: tf.Tensor1D;
  /** Gradient for each of `at`. */
  others: tf.Tensor[];
  outputs: Record<string, tf.Tensor>;
  batchStats: TensorMap;
}

/**
 * A loss and its gradient for the packed parameters, and for the tensors `at` if the loss uses such.
 * `loss` sees all parameters by name (trained ones, buffers and `frozen`).
 */
export function lossGradient(
  { layout }: Optimiser,
  state: Pick<StepState, 'params' | 'buffers'>,
  frozen: TensorMap,
  loss: (params: TensorMap, at: tf.Tensor[]) => LossParts,
  at: readonly tf.Tensor[] = [],
): LossGradient {
  const outputs: Record<string, tf.Tensor> = {};
  let batchStats: TensorMap = {};
  const keep = (t: tf.Tensor): tf.Tensor => tf.keep(t.clone());
  const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) => {
    const [packed, ...others] = given as [tf.Tensor1D, ...tf.Tensor[]];
    const parts = loss({ ...frozen, ...state.buffers, ...unpack(layout, packed) }, others);
    // Whatever outlives the gradient's own scope is kept by hand; the caller of the step owns it.
    for (const [name, t] of Object.entries(parts.outputs ?? {})) outputs[name] = keep(t);
    batchStats = Object.fromEntries(Object.entries(parts.batchStats ?? {}).map(([name, t]) => [name, keep(t)]));
    return parts.loss;
  })([state.params, ...at]);
  const [grad, ...others] = grads as [tf.Tensor1D, ...tf.Tensor[]];
  return { loss: value, grad, others, outputs, batchStats };
}

/** One step of AdamW from a gradient [layout.size]; the buffers stay as they are. */
export function applyGradient(
  optimiser: Optimiser,
  state: StepState,
  grad: tf.Tensor1D,
  inputs: StepInputs,
): { state: StepState; gradNorm: tf.Scalar } {
  const { params, m, v, gradNorm } = adamwStep({ params: state.params, m: state.m, v: state.v }, grad, {
    ...optimiser,
    learningRate: inputs.learningRate,
    step: inputs.update,
  });
  return { state: { params, m, v, buffers: state.buffers }, gradNorm };
}

/** One update as a pure function: loss and gradient of the packed parameters, then AdamW. */
export function optimise(
  optimiser: Optimiser,
  state: StepState,
  inputs: StepInputs,
  frozen: TensorMap,
  loss: (params: TensorMap) => LossParts,
): { state: StepState; outputs: Record<string, tf.Tensor> } {
  const found = lossGradient(optimiser, state, frozen, loss);
  const { state: next, gradNorm } = applyGradient(optimiser, state, found.grad, inputs);
  return {
    state: { ...next, buffers: { ...state.buffers, ...found.batchStats } },
    outputs: { loss: found.loss, gradNorm, ...found.outputs },
  };
}
