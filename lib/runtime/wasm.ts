import { tf } from './tf.js';

/** Starts the backend `wasm` (one thread in Node, SIMD where the processor has it), kernels for training included. */
export async function startWasm(): Promise<boolean> {
  await import('@tensorflow/tfjs-backend-wasm');
  const { registerWasmKernels } = await import('./wasmKernels/register.js');
  registerWasmKernels();
  return tf.setBackend('wasm');
}

/** Starts the backend `cpu` (plain JavaScript) without its advertisement for another package. */
export async function startCpu(): Promise<boolean> {
  const started = await tf.setBackend('cpu');
  (tf.findBackend('cpu') as unknown as { firstUse: boolean }).firstUse = false;
  return started;
}
