import { isBuffer } from '../clip/parameters.js';
import { check } from '../errors.js';
import { type AdamwRule, adamw } from '../ops/adamw.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { adamwInit, adamwRules, type RuleOptions } from '../training/adamw.js';
import { type FlatLayout, flatLayout, pack, unpack } from '../training/flat.js';

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
export interface Optimiser {
  readonly layout: FlatLayout;
  /** Of each parameter of the layout. */
  readonly rules: readonly AdamwRule[];
  readonly clipNorm?: number;
}

export interface OptimiserOptions extends RuleOptions {
  /** Gradients are scaled down to this global norm; absent: never. */
  clipNorm?: number;
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
  return {
    optimiser: { layout, rules: adamwRules(layout, options), clipNorm: options.clipNorm },
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

/** A loss with its gradient for the trained parameters, and what it gave besides. */
export interface LossGradient {
  loss: tf.Scalar;
  /** Of every trained parameter, by name, in the order of the layout; zeros where the loss does not use it. */
  grads: TensorMap;
  /** Gradient for each of `at`. */
  others: tf.Tensor[];
  outputs: Record<string, tf.Tensor>;
  batchStats: TensorMap;
}

/**
 * A loss and its gradient for the trained parameters, and for the tensors `at` if the loss uses such.
 * `loss` sees all parameters by name (trained ones, buffers and `frozen`). Call it in a `tf.tidy`.
 */
export function lossGradient(
  { layout }: Optimiser,
  state: Pick<StepState, 'params' | 'buffers'>,
  frozen: TensorMap,
  loss: (params: TensorMap, at: readonly tf.Tensor[]) => LossParts,
  at: readonly tf.Tensor[] = [],
): LossGradient {
  const outputs: Record<string, tf.Tensor> = {};
  let batchStats: TensorMap = {};
  const keep = (t: tf.Tensor): tf.Tensor => tf.keep(t.clone());
  // Outside the gradient: AdamW takes the gradients one by one, and a packed one would cost a pass over all of them.
  const trained = unpack(layout, state.params);
  const forward = (): tf.Scalar => {
    const parts = loss({ ...frozen, ...state.buffers, ...trained }, at);
    // Whatever outlives the gradient's own scope is kept by hand; the caller of the step owns it.
    for (const [name, t] of Object.entries(parts.outputs ?? {})) outputs[name] = keep(t);
    batchStats = Object.fromEntries(Object.entries(parts.batchStats ?? {}).map(([name, t]) => [name, keep(t)]));
    return parts.loss;
  };
  const to = [...layout.names.map((name) => trained[name]!), ...at];
  // As tf.valueAndGrads, which refuses a loss that does not use all of them.
  const { value, grads } = tf.engine().gradients(forward, to, undefined, true) as {
    value: tf.Scalar;
    grads: (tf.Tensor | undefined)[];
  };
  check(grads.some(Boolean), 'ERR_ARGUMENT', () => 'the loss depends on no trained parameter');
  const all = to.map((x, i) => grads[i] ?? tf.zerosLike(x));
  return {
    loss: value,
    grads: Object.fromEntries(layout.names.map((name, i) => [name, all[i]!])),
    others: all.slice(layout.names.length),
    outputs,
    batchStats,
  };
}

/** One step of AdamW from the gradients of all trained parameters; the buffers stay as they are. */
export function applyGradient(
  { layout, rules, clipNorm }: Optimiser,
  state: StepState,
  grads: TensorMap,
  inputs: StepInputs,
): { state: StepState; gradNorm: tf.Scalar } {
  const { gradNorm, ...moved } = adamw({
    params: state.params,
    m: state.m,
    v: state.v,
    grads: layout.names.map((name) => grads[name]!),
    rules,
    learningRate: inputs.learningRate,
    step: inputs.update,
    clipNorm,
  });
  return { state: { ...moved, buffers: state.buffers }, gradNorm };
}

/** One update as a pure function: loss and gradients of the trained parameters, then AdamW. Call it in a `tf.tidy`. */
export function optimise(
  optimiser: Optimiser,
  state: StepState,
  inputs: StepInputs,
  frozen: TensorMap,
  loss: (params: TensorMap) => LossParts,
): { state: StepState; outputs: Record<string, tf.Tensor> } {
  const found = lossGradient(optimiser, state, frozen, loss);
  const { state: next, gradNorm } = applyGradient(optimiser, state, found.grads, inputs);
  return {
    state: { ...next, buffers: { ...state.buffers, ...found.batchStats } },
    outputs: { loss: found.loss, gradNorm, ...found.outputs },
  };
}
