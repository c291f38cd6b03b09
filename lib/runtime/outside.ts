/** Why no step is captured with kernels node. */
export const COMPUTED_OUTSIDE = 'kernels node compute outside TensorFlow';

let reading = false;

/** Whether one of the package's own ops reads its inputs, to compute outside TensorFlow. */
export const isReadOutside = (): boolean => reading;

/** Reads the inputs of such an op: a step being captured then says so, rather than that something reads a value back. */
export function readOutside<T>(read: () => T): T {
  reading = true;
  try {
    return read();
  } finally {
    reading = false;
  }
}
