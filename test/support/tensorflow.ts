import { describe, expect } from 'vitest';
import { ready } from '../../lib/runtime/ready.js';
import type { TensorFlowBackend } from '../../lib/runtime/tensorflow.js';
import { tf } from '../../lib/runtime/tf.js';

process.env.VLLTR_QUIET ??= '1';

/** Why steps cannot be captured here, if they cannot. */
const lacking = await ready({ backend: 'tensorflow' }).then(
  ({ addon, reasons }) => (addon ? undefined : reasons.join(' ')),
  (error: Error) => error.message,
);

/** Defines tests that need backend tensorflow and the addon; says why where they are skipped. */
export function onTensorFlow(title: string, define: () => void): void {
  describe.skipIf(lacking)(lacking ? `${title}, skipped: ${lacking}` : title, define);
}

/** The backend, and what of its binding tests alone call. */
export const backend = () =>
  tf.backend() as TensorFlowBackend & { binding: { getNumOfTensors(): number; deleteTensor(id: number): void } };

/** Tensors, their data, and what TensorFlow holds for them. */
export function holdings(): { tensors: number; buffers: number; handles: number } {
  const { numTensors, numDataBuffers } = tf.memory();
  return { tensors: numTensors, buffers: numDataBuffers, handles: backend().binding.getNumOfTensors() };
}

/** Runs `use` in a scope whose tensors must be all that is left. */
export function scoped(use: () => void): void {
  const before = holdings();
  tf.tidy(use);
  expect(holdings()).toEqual(before);
}
