import type { OpAttribute } from '../tensorflow.js';
import type { tf } from '../tf.js';
import type { Origin } from './origin.js';

/**
 * A value on a tape: an argument of the step, a tensor from outside, a constant (by its place among the entries), or
 * output `output` of an op. `number` is its number in the function's graph.
 */
export type Value = { readonly number: number } & (
  | { readonly kind: 'argument' | 'external' | 'constant'; readonly index: number }
  | { readonly kind: 'op'; readonly index: number; readonly output: number }
);

export interface TapeConstant {
  readonly kind: 'constant';
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly values: ArrayBufferView;
  readonly origin: () => Origin;
}

export interface TapeOp {
  readonly kind: 'op';
  readonly name: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly Value[];
  readonly outputs: number;
  readonly origin: () => Origin;
}

/** A tensor that the step uses without being given it: frozen parameters, a mask made before. */
export interface External {
  readonly id: number;
  readonly info: tf.TensorInfo;
}

/** A tensor from outside whose values the step reads. */
export interface Read {
  readonly id: number;
  readonly origin: () => Origin;
}

/** Everything that one call of a step asks of TensorFlow, in order. */
export interface Tape {
  readonly entries: readonly (TapeConstant | TapeOp)[];
  readonly ops: readonly TapeOp[];
  readonly externals: readonly External[];
  readonly reads: readonly Read[];
}

/** `matMul at file:line`. */
export function describe({ op, where }: Origin): string {
  return op ? `${op} at ${where}` : `at ${where}`;
}

/** `conv2d.12`: what TensorFlow's errors call op 12 of a tape. */
export const nodeName = (name: string, index: number, origin: () => Origin): string =>
  `${origin().op ?? name}.${index}`;
