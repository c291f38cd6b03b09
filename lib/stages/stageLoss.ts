import type { TensorMap } from '../runtime/tf.js';
import type { LossParts } from './optimise.js';

/** What an encoder makes of some pictures. */
export interface Encoding {
  /**
   * Of frozen models, outside the gradient: a teacher's features. Computed before `encode`, by name, [n, …].
   */
  fixed?: () => TensorMap;
  /** Of the model in training, by name, [n, …], each row from its own picture's inputs alone (batch norm aside). */
  encode: (params: TensorMap) => { features: TensorMap; batchStats?: TensorMap };
}

/**
 * A stage's loss in two halves, so that an update can go over its batch in parts: features picture by picture, then one
 * loss over all of them.
 */
export interface StageLoss {
  /** Inputs of which every picture has a row, and which the encoder is given. */
  rows: readonly string[];
  /** `inputs` are those of `rows`. */
  embed: (inputs: TensorMap) => Encoding;
  /** Whether `encode` depends on no trained parameter: then no gradient goes into it. */
  frozen?: boolean;
  /** `given`: the inputs that are not in `rows`, and all features by name. */
  loss: (params: TensorMap, given: TensorMap) => LossParts;
}

/** The loss over the whole batch at once. */
export function wholeLoss({ rows, embed, loss }: StageLoss, inputs: TensorMap): (params: TensorMap) => LossParts {
  const { mine, others } = splitInputs(inputs, rows);
  const { fixed, encode } = embed(mine);
  const still = fixed?.();
  return (params) => {
    const { features, batchStats } = encode(params);
    return { ...loss(params, { ...others, ...still, ...features }), batchStats };
  };
}

/** The inputs named in `rows`, and the others. */
export function splitInputs(inputs: TensorMap, rows: readonly string[]): { mine: TensorMap; others: TensorMap } {
  const entries = Object.entries(inputs);
  return {
    mine: Object.fromEntries(entries.filter(([name]) => rows.includes(name))),
    others: Object.fromEntries(entries.filter(([name]) => !rows.includes(name))),
  };
}
