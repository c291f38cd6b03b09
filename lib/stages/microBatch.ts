import { check } from '../errors.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { disposeTree, mapTree } from '../runtime/tree.js';
import { type CapturedUpdate, capturedStep } from './capturedStep.js';
import { applyGradient, lossGradient, modelOf, type Optimiser, type StepInputs, type StepState } from './optimise.js';
import type { TrainOptions } from './options.js';
import { type StageLoss, splitInputs } from './stageLoss.js';

/** @throws VlltrError ERR_ARGUMENT */
export function checkMicroBatch({ microBatch }: TrainOptions): void {
  check(
    microBatch === undefined || (Number.isInteger(microBatch) && microBatch >= 1),
    'ERR_ARGUMENT',
    () => `microBatch is ${microBatch}; expected an integer ≥ 1`,
  );
}

/** The weights while a batch is gone through. */
type Weights = Pick<StepState, 'params' | 'buffers'>;

/** What the passes over the parts add up. */
type Sum = { grads: TensorMap; buffers: TensorMap };

/**
 * An update over a batch too large for the encoder's memory, `options.microBatch` pictures at a time, with the gradient
 * of the whole batch (Gao et al., RepL4NLP 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited
 * Setup"):
 *   1. the features of every part, without a tape;
 *   2. the loss once over all features, its gradient for them (dF) and for the parameters it uses itself;
 *   3. each part again, now with a tape, for the gradient of ⟨features, dF⟩, summed over the parts;
 *   4. one step of the optimiser.
 * The views are the same in 1 and 3, since they are drawn before. Batch norm in training mode takes the statistics of
 * a part, the same ones in 1 and 3, as each device of a data-parallel training does; its running statistics move once
 * a part. In eval mode, and without batch norm, the gradient is that of the unsplit step.
 */
export function microBatched(
  name: string,
  options: TrainOptions,
  optimiser: Optimiser,
  frozen: TensorMap,
  stage: StageLoss,
): CapturedUpdate {
  const size = options.microBatch!;
  const passes = partPasses(name, options, optimiser, frozen, stage);
  const { embed, whole, accumulate, apply } = passes;

  const update = (state: StepState, inputs: StepInputs) => {
    const { params, buffers } = state;
    const { mine, others } = splitInputs(inputs, stage.rows);
    const batch = Object.values(mine)[0]!.shape[0]!;
    const parts = Array.from({ length: Math.ceil(batch / size) }, (_, i) => [
      i * size,
      Math.min(batch, (i + 1) * size),
    ]);
    const rowsOf = (tensors: TensorMap, [from, to]: number[]): TensorMap => slices(tensors, from!, to!);

    const embedded = parts.map((part) =>
      tf.tidy(() => embed({}, { params, buffers, rows: rowsOf(mine, part) }).outputs),
    );
    const joined = { features: concatenated(embedded, 'features'), fixed: concatenated(embedded, 'fixed') };
    tf.dispose(embedded);
    const { loss, outputs, slopes, grads } = tf.tidy(
      () => whole({}, { params, buffers, others, ...joined }).outputs,
    ) as WholeLoss;
    tf.dispose(joined);

    let sum: Sum = { grads, buffers };
    for (const part of stage.frozen ? [] : parts) {
      const next = tf.tidy(() => {
        const given = { params, rows: rowsOf(mine, part), slopes: rowsOf(slopes, part) };
        return accumulate(sum, given).state;
      });
      disposeTree(sum, { state, next });
      sum = next;
    }
    tf.dispose(slopes);
    const { learningRate, update } = inputs;
    const { state: next, outputs: norm } = tf.tidy(() =>
      apply({ ...state, buffers: sum.buffers }, { grads: sum.grads, learningRate, update }),
    );
    tf.dispose(sum.grads);
    return { state: next, outputs: { loss, ...norm, ...outputs } };
  };
  return Object.assign(update, {
    dispose: () => {
      for (const pass of Object.values(passes)) pass.dispose();
    },
  });
}

/** What the pass over the whole batch gives. */
type WholeLoss = { loss: tf.Scalar; outputs: Record<string, tf.Tensor>; slopes: TensorMap; grads: TensorMap };

/** The four passes, each a function of its own. */
function partPasses(name: string, options: TrainOptions, optimiser: Optimiser, frozen: TensorMap, stage: StageLoss) {
  const none: TensorMap = {};
  return {
    embed: capturedStep(
      `${name}_embed`,
      options,
      (_: TensorMap, { rows, ...weights }: Weights & { rows: TensorMap }) => {
        const { fixed, encode } = stage.embed(rows);
        const still = fixed?.() ?? none;
        const model = { ...frozen, ...modelOf(optimiser, weights) };
        return { state: none, outputs: { fixed: still, features: encode(model).features } };
      },
    ),
    whole: capturedStep(
      `${name}_loss`,
      options,
      (
        _: TensorMap,
        { features, fixed, others, ...weights }: Weights & Record<'features' | 'fixed' | 'others', TensorMap>,
      ) => {
        const names = Object.keys(features);
        const found = lossGradient(
          optimiser,
          weights,
          frozen,
          (params, at) =>
            stage.loss(params, { ...others, ...fixed, ...Object.fromEntries(names.map((key, i) => [key, at[i]!])) }),
          Object.values(features),
        );
        const slopes = Object.fromEntries(names.map((key, i) => [key, found.others[i]!]));
        return { state: none, outputs: { loss: found.loss, outputs: found.outputs, slopes, grads: found.grads } };
      },
    ),
    accumulate: capturedStep(
      `${name}_gradient`,
      options,
      (sum: Sum, { params, rows, slopes }: { params: tf.Tensor1D; rows: TensorMap; slopes: TensorMap }) => {
        const { encode } = stage.embed(rows);
        const found = lossGradient(optimiser, { params, buffers: sum.buffers }, frozen, (model) => {
          const { features, batchStats } = encode(model);
          const products = Object.entries(features).map(([key, f]) => tf.sum(tf.mul(f, slopes[key]!)));
          return { loss: tf.addN(products) as tf.Scalar, batchStats };
        });
        const buffers = { ...sum.buffers, ...found.batchStats };
        const add = (g: tf.Tensor, name: string): tf.Tensor => tf.add(g, found.grads[name]!);
        return { state: { grads: mapTree(sum.grads, add), buffers }, outputs: none };
      },
    ),
    apply: capturedStep(
      `${name}_update`,
      options,
      (state: StepState, { grads, ...inputs }: Pick<StepInputs, 'learningRate' | 'update'> & { grads: TensorMap }) => {
        const { state: next, gradNorm } = applyGradient(optimiser, state, grads, inputs);
        return { state: next, outputs: { gradNorm } };
      },
    ),
  };
}

/** Rows [from, to) of every tensor. */
function slices(tensors: TensorMap, from: number, to: number): TensorMap {
  return Object.fromEntries(Object.entries(tensors).map(([key, t]) => [key, tf.slice(t, from, to - from)]));
}

/** The rows of all parts one behind the other, by name. */
function concatenated<K extends string>(parts: Record<K, TensorMap>[], kind: K): TensorMap {
  return Object.fromEntries(
    Object.keys(parts[0]![kind]).map((key) => [
      key,
      tf.concat(
        parts.map((part) => part[kind][key]!),
        0,
      ),
    ]),
  );
}
