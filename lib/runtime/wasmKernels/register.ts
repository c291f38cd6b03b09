import { tf } from '../tf.js';
import { conv2DBackpropFilter } from './conv2dBackpropFilter.js';
import { unsortedSegmentSum } from './unsortedSegmentSum.js';

/** Gives the wasm backend the kernels that training needs and it lacks. A kernel of its own is never replaced. */
export function registerWasmKernels(): void {
  for (const kernel of [conv2DBackpropFilter, unsortedSegmentSum]) {
    if (!tf.getKernel(kernel.kernelName, 'wasm')) tf.registerKernel(kernel);
  }
}
