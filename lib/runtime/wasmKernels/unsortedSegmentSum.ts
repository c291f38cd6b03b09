import type { KernelConfig, UnsortedSegmentSumAttrs } from '@tensorflow/tfjs';
import { tf } from '../tf.js';

/**
 * Sums of the rows of `x` [N, …] by segment, float32 or int32 → [numSegments, …], which the wasm backend lacks (the
 * gradient of a gather). Rows with an id outside 0 … numSegments−1 are left out. One pass over the rows.
 */
export const unsortedSegmentSum: KernelConfig = {
  kernelName: 'UnsortedSegmentSum',
  backendName: 'wasm',
  kernelFunc: ({ inputs, attrs, backend }) => {
    const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const { numSegments } = attrs as unknown as UnsortedSegmentSumAttrs;
    const wasm = backend as unknown as { readSync(id: object): Float32Array | Int32Array };
    // Copies on reading, so that nothing is lost when the heap grows.
    const values = wasm.readSync(x.dataId);
    const ids = wasm.readSync(segmentIds.dataId);
    const shape = [numSegments, ...x.shape.slice(1)];
    const width = tf.util.sizeFromShape(x.shape.slice(1));
    const sums = x.dtype === 'int32' ? new Int32Array(numSegments * width) : new Float32Array(numSegments * width);
    for (let row = 0; row < ids.length; row++) {
      const id = ids[row]!;
      if (id < 0 || id >= numSegments) continue;
      for (let i = 0, from = row * width, to = id * width; i < width; i++, from++, to++) {
        sums[to] = sums[to]! + values[from]!;
      }
    }
    return tf.tensor(sums, shape, x.dtype as 'float32' | 'int32');
  },
};
