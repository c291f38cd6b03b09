import { type CapturedStep, capture } from '../runtime/capture/index.js';
import type { TensorTree } from '../runtime/tree.js';

/**
 * A forward pass as one TensorFlow function, for more than one batch of one shape; where it cannot be captured it is
 * computed op by op, and says so once.
 * @param pass pure: given what stays (parameters) and a batch
 */
export function capturedPass<S extends TensorTree, I extends TensorTree, O extends TensorTree>(
  name: string,
  pass: (state: S, inputs: I) => O,
): CapturedStep<S, I, O> {
  const onFailure = (error: Error): void => console.warn(`${name}: computed op by op, slower: ${error.message}`);
  return capture((state, inputs) => ({ state, outputs: pass(state, inputs) }), { name, onFailure });
}
