import { readOutside } from '../runtime/outside.js';
import { tf } from '../runtime/tf.js';

/** The part of the wasm backend that gives access to its memory. */
interface WasmBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { has(dataId: object): boolean };
  getMemoryOffset(dataId: object): number;
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo;
}

const FLOAT_BYTES = 4;

/**
 * Runs a native kernel over float32 tensors of whatever backend: `call` gets the values of `inputs` and, to fill, an
 * array for each of `shapes`; the filled ones come back as tensors. On `wasm` these are views on its heap, so nothing
 * is copied; `call` must not keep them, nor use the backend, since growth of the heap detaches them. `inputs` must
 * not be written to: tensors share memory.
 */
export function onHostArrays(
  inputs: readonly tf.Tensor[],
  shapes: readonly number[][],
  call: (inputs: Float32Array[], outputs: Float32Array[]) => void,
): tf.Tensor[] {
  if (tf.getBackend() === 'wasm') return onWasmHeap(tf.backend() as unknown as WasmBackend, inputs, shapes, call);
  const outputs = shapes.map((shape) => new Float32Array(tf.util.sizeFromShape(shape)));
  call(
    readOutside(() => inputs.map(values)),
    outputs,
  );
  return outputs.map((output, i) => tf.tensor(output, shapes[i]!, 'float32'));
}

const values = (tensor: tf.Tensor): Float32Array => tensor.dataSync<'float32'>() as Float32Array;

function onWasmHeap(
  backend: WasmBackend,
  inputs: readonly tf.Tensor[],
  shapes: readonly number[][],
  call: (inputs: Float32Array[], outputs: Float32Array[]) => void,
): tf.Tensor[] {
  // Everything is allocated before the first view is taken: allocation may grow the heap.
  const outputs = shapes.map((shape) => tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, 'float32')));
  // A tensor made on another backend has not moved here yet: reading it copies it.
  const copies = inputs.map((input) => (backend.dataIdMap.has(input.dataId) ? undefined : values(input)));
  const view = ({ dataId, size }: tf.Tensor) => {
    const { buffer } = backend.wasm.HEAPU8;
    const offset = backend.getMemoryOffset(dataId);
    // Empty tensors, and any memory that a Float32Array cannot lie on.
    return size === 0 || offset % FLOAT_BYTES !== 0 ? undefined : new Float32Array(buffer, offset, size);
  };
  try {
    call(
      inputs.map((input, i) => copies[i] ?? view(input) ?? values(input)),
      outputs.map((output) => view(output) ?? new Float32Array(0)),
    );
  } catch (error) {
    for (const output of outputs) output.dispose();
    throw error;
  }
  return outputs;
}
