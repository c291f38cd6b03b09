import { makeBinding } from './binding.js';
import { findLayout, layOut, type Variant } from './layout.js';
import { userTensorFlow } from './paths.js';
import { type Log, logToStderr } from './progress.js';

/** What set-up did. Times in seconds. */
export interface SetupReport {
  readonly variant: Variant;
  readonly folder: string;
  /** TensorFlow's version. */
  readonly tensorflow: string;
  /** Path of the binding. */
  readonly binding: string;
  /** Whether everything was there before. */
  readonly unchanged: boolean;
  readonly seconds: { readonly layout: number; readonly binding: number };
}

export interface SetupOptions {
  /** TensorFlow's CUDA 12 build and its libraries, instead of the CPU build. */
  readonly cuda?: boolean;
  readonly log?: Log;
}

/**
 * Brings libtensorflow into the cache folder, builds TensorFlow.js's binding against it and proves that it computes.
 * `VLLTR_TENSORFLOW_DIR` (a libtensorflow of the user's) wins over the wheel. Interrupted at any point it can be run again.
 * @throws VlltrError ERR_SETUP whose message is one line: what is missing, and what helps
 */
export async function setup(options: SetupOptions = {}): Promise<SetupReport> {
  const log = options.log ?? logToStderr;
  const variant: Variant = userTensorFlow() ? 'user' : options.cuda ? 'cuda' : 'cpu';
  const start = performance.now();
  const before = findLayout(variant);
  const layout = await layOut(variant, log);
  const middle = performance.now();
  let built = false;
  const stamp = await makeBinding(layout, (line) => {
    built = true;
    log(line);
  });
  const seconds = { layout: (middle - start) / 1000, binding: (performance.now() - middle) / 1000 };
  return {
    variant,
    folder: layout.folder,
    tensorflow: stamp.tensorflow,
    binding: `${layout.folder}/${stamp.binding}`,
    unchanged: Boolean(before) && !built,
    seconds,
  };
}
