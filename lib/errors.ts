/** Codes of the errors this package raises on purpose. */
export type ErrorCode =
  | 'ERR_ARGUMENT' // a value of the wrong kind, range or shape
  | 'ERR_USAGE' // a command line that cannot be understood
  | 'ERR_NOT_READY' // `ready()` has not been awaited
  | 'ERR_BACKEND' // a forced backend, kernel route or device that cannot be had
  | 'ERR_SETUP' // TensorFlow or the addon could not be set up
  | 'ERR_NATIVE' // a native kernel refused or failed
  | 'ERR_CAPTURE' // a step that cannot become one TensorFlow function
  | 'ERR_DATA' // pictures, labels or class texts that cannot be used
  | 'ERR_IO' // a file system that failed, whatever the file
  | 'ERR_CHECKPOINT' // a checkpoint or run folder that does not fit
  | 'ERR_NOT_FINITE' // NaN or Inf in a training step
  | 'ERR_INTERNAL'; // a defect of this package

/** Every error raised on purpose. The message names the thing, what it is and what was expected. */
export class VlltrError extends Error {
  override readonly name = 'VlltrError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** Throws a `VlltrError` unless `condition` holds. The message is built only when needed. */
export function check(condition: unknown, code: ErrorCode, message: () => string): asserts condition {
  if (!condition) throw new VlltrError(code, message());
}
