import { makeBinding } from './binding.js';
import type { Device } from './choice.js';
import { findLayout, layOut, oneLine, type Variant } from './layout.js';
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
  /** Where it computed when it was verified; `cpu` for a CUDA build means that it is untested on a device. */
  readonly device: Device;
  /** Whether everything was there before. */
  readonly unchanged: boolean;
  readonly seconds: { readonly layout: number; readonly binding: number };
}

export interface SetupOptions {
  /** TensorFlow's CUDA 12 build and its libraries, instead of the build that is there, or the CPU build. */
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
  const variant = chooseVariant(options.cuda);
  const start = performance.now();
  const before = findLayout(variant);
  const layout = await layOut(variant, log);
  const middle = performance.now();
  let built = false;
  const stamp = await makeBinding(layout, (line) => {
    built = true;
    log(line);
  });
  if (variant === 'cpu') await refreshCuda(log);
  const seconds = { layout: (middle - start) / 1000, binding: (performance.now() - middle) / 1000 };
  return {
    variant,
    folder: layout.folder,
    tensorflow: stamp.tensorflow,
    binding: `${layout.folder}/${stamp.binding}`,
    device: stamp.device ?? 'cpu',
    unchanged: Boolean(before) && !built,
    seconds,
  };
}

function chooseVariant(cuda?: boolean): Variant {
  if (userTensorFlow()) return 'user';
  if (cuda) return 'cuda';
  // A CUDA build that was laid out before computes on the CPU too: nothing more is fetched.
  return !findLayout('cpu') && findLayout('cuda') ? 'cuda' : 'cpu';
}

/** Brings the binding of a CUDA build beside the CPU build up to date: `ready()` takes it where there is a GPU. */
async function refreshCuda(log: Log): Promise<void> {
  const layout = findLayout('cuda');
  if (!layout) return;
  try {
    await makeBinding(layout, log);
  } catch (error) {
    log(`The CUDA build in ${layout.folder} is not up to date: ${oneLine(error)}`);
  }
}
