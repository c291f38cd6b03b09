import type { TensorFlowBackend } from '../../lib/runtime/tensorflow.js';
import { tf } from '../../lib/runtime/tf.js';

const NAME = 'plain-tensorflow';

/**
 * Makes the running TensorFlow backend current under another name. It has the same kernels, but the package's ops do
 * not know that name and take their composed formulas: what TensorFlow.js would do by itself. Needs `kernels: 'tfjs'`.
 */
export async function usePlainTensorFlow(): Promise<void> {
  const backend = tf.backend() as TensorFlowBackend;
  for (const kernel of tf.getKernelsForBackend('tensorflow')) tf.registerKernel({ ...kernel, backendName: NAME });
  tf.registerBackend(NAME, () => backend);
  if (!(await tf.setBackend(NAME))) throw new Error(`TensorFlow.js could not start ${NAME}`);
}
