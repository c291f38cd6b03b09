/** The one TensorFlow.js of the process: every file imports it from here, so that there is never a second engine. */
import * as tf from '@tensorflow/tfjs';

export { tf };

/** Tensors by name: parameters, buffers, gradients, metrics. */
export type TensorMap = Record<string, tf.Tensor>;
