import type { AdamwRule } from '../ops/adamw.js';
import { tf } from '../runtime/tf.js';
import type { FlatLayout } from './flat.js';

/** CLIP's bound on logit_scale: a temperature of 0.01. */
export const MAX_LOGIT_SCALE = Math.log(100);

/** How a training treats its parameters. */
export interface RuleOptions {
  /** λ of matrices and convolutions. */
  weightDecay: number;
  /** Weight decay applies to 0-D parameters, too, as in the authors' code (logit_scale). Default false. */
  decayScalars?: boolean;
  /** `logit_scale` may pass CLIP's bound of ln 100. Default false. */
  freeLogitScale?: boolean;
  /** Factor on the learning rate of a parameter. Default 1. */
  lrFactor?: (name: string) => number;
}

/** The rule of each parameter of a layout: weight decay spares biases and vectors, `logit_scale` is bounded. */
export function adamwRules(layout: FlatLayout, options: RuleOptions): AdamwRule[] {
  const { weightDecay, decayScalars = false, freeLogitScale = false, lrFactor } = options;
  return layout.names.map((name, i) => {
    const { length: rank } = layout.shapes[i]!;
    const decays = !name.endsWith('bias') && (rank > 1 || (rank === 0 && decayScalars));
    return {
      weightDecay: decays ? weightDecay : 0,
      rate: lrFactor?.(name) ?? 1,
      upperBound: name === 'logit_scale' && !freeLogitScale ? MAX_LOGIT_SCALE : Infinity,
    };
  });
}

/** Moments of zero [layout.size]. The caller owns them. */
export function adamwInit(layout: FlatLayout): { m: tf.Tensor1D; v: tf.Tensor1D } {
  return { m: tf.zeros([layout.size]), v: tf.zeros([layout.size]) };
}
