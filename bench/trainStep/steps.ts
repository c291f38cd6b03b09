import { isTrainable } from '../../lib/clip/parameters.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import type { TensorTree } from '../../lib/runtime/tree.js';
import {
  createOptimiser,
  type LossParts,
  optimise,
  type StepInputs,
  type StepState,
} from '../../lib/stages/optimise.js';
import type { Problem } from './problem.js';
import type { Mode } from './protocol.js';
import type { Row } from './rows.js';

/** A training step, pure: trees of tensors in and out; `outputs` hold the loss. */
export type Step = (state: TensorTree, inputs: TensorTree) => { state: TensorTree; outputs: TensorMap };

/** A step with what it is called with. */
export interface Training {
  step: Step;
  /** The first state; the caller disposes it and every later one. */
  state: TensorTree;
  /** The same in every step. */
  constant: TensorTree;
}

export function trainingOf(mode: Mode, row: Row, problem: Problem): Training {
  return mode === 'update' ? update(row, problem) : gradient(problem);
}

/** The update as the package's stages make it. */
function update(row: Row, { model, options, batch, loss }: Problem): Training {
  const { weightDecay, clipNorm } = row;
  const { optimiser, state, frozen } = createOptimiser(model, { ...options, weightDecay, clipNorm });
  const step: Step = (now, inputs) => {
    const batch = inputs as StepInputs;
    return optimise(optimiser, now as StepState, batch, frozen, loss(batch));
  };
  return { step, state, constant: batch };
}

/** Loss and the gradient of each parameter by itself. */
function gradient({ model, batch, loss }: Problem): Training {
  const names = Object.keys(model).filter(isTrainable);
  const buffers = Object.entries(model).filter(([name]) => !isTrainable(name));
  const step: Step = (now, inputs) => {
    const { params, batch } = inputs as { params: TensorMap; batch: TensorMap };
    const lossOf = loss(batch);
    let stats: TensorMap = {};
    const f = (...tensors: tf.Tensor[]): tf.Scalar => {
      const trained = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
      const parts: LossParts = lossOf({ ...(now as TensorMap), ...trained });
      // They outlive the gradient's own scope.
      stats = Object.fromEntries(Object.entries(parts.batchStats ?? {}).map(([name, t]) => [name, tf.keep(t.clone())]));
      return parts.loss;
    };
    const { value, grads } = tf.valueAndGrads(f)(names.map((name) => params[name]!));
    return { state: { ...now, ...stats }, outputs: { loss: value, ...Object.fromEntries(grads.entries()) } };
  };
  return {
    step,
    state: Object.fromEntries(buffers.map(([name, t]) => [name, t.clone()])),
    constant: { params: Object.fromEntries(names.map((name) => [name, model[name]!])), batch },
  };
}
