import { VlltrError } from '../errors.js';
import type { ReadyOptions } from './choice.js';
import {
  type Backend,
  type Choice,
  cudaRefusal,
  type Device,
  type KernelRoute,
  needsTensorFlow,
  resolveChoice,
  tensorFlowOwnsDevice,
} from './choice.js';
import { gpuPresent } from './hardware.js';
import { chooseKernels } from './kernelChoice.js';
import { oneLine } from './layout.js';
import { userTensorFlow } from './paths.js';
import { candidates, installedTensorFlow, registerTensorFlow, type TensorFlowBackend } from './tensorflow.js';
import { tf } from './tf.js';
import { startCpu, startWasm } from './wasm.js';

export type { Backend, Device, KernelRoute, ReadyOptions } from './choice.js';

/** What runs, and why. */
export interface Runtime {
  readonly backend: Backend;
  readonly kernels: KernelRoute;
  /** Where the backend computes. */
  readonly device: Device;
  /** Where the package's own ops compute: as the backend, unless Node-API or a lack of CUDA kernels parts them. */
  readonly kernelDevice: Device;
  /** TensorFlow's version, on backend `tensorflow`. */
  readonly tensorflow?: string;
  /** The folder TensorFlow was loaded from. */
  readonly folder?: string;
  /** Whether the addon is loaded. */
  readonly addon: boolean;
  /** Everything that was tried and could not be had, each with its cause. */
  readonly reasons: readonly string[];
}

let current: Runtime | undefined;
let pending: Promise<Runtime> | undefined;

/**
 * Chooses and starts backend, kernels and device, once a process. `'auto'` takes the best that can be had (backend
 * tensorflow, wasm, cpu); a choice that cannot be had is an error. Says what runs in one line on stderr, unless
 * `VLLTR_QUIET=1`. Called again it returns the same, or refuses a choice that differs from what runs.
 * @throws VlltrError ERR_BACKEND, ERR_ARGUMENT
 */
export async function ready(options: ReadyOptions = {}): Promise<Runtime> {
  const choice = resolveChoice(options);
  if (!pending) {
    pending = start(choice).catch((error) => {
      pending = undefined; // another choice may be tried
      throw error;
    });
  }
  const runtime = await pending;
  for (const key of ['backend', 'kernels', 'device'] as const) {
    const asked = choice[key];
    if (asked !== 'auto' && !(key === 'device' ? runsOn(runtime, asked as Device) : asked === runtime[key])) {
      throw new VlltrError(
        'ERR_BACKEND',
        `${key} ${asked} was asked for, but this process already runs ${describe(runtime)}.`,
      );
    }
  }
  return runtime;
}

/** Whether a choice of this device is met: by all that computes on the CPU, by one part of it on a card. */
function runsOn({ device, kernelDevice }: Runtime, asked: Device): boolean {
  return asked === 'cuda' ? device === 'cuda' || kernelDevice === 'cuda' : device === 'cpu' && kernelDevice === 'cpu';
}

/** What runs. @throws VlltrError ERR_NOT_READY before `ready()` is done */
export function runtime(): Runtime {
  if (!current) throw new VlltrError('ERR_NOT_READY', 'Nothing runs yet: `await ready()` first.');
  return current;
}

/** The package's own ops that have native kernels. */
export type KernelName = 'adamw' | 'anchorAttention' | 'classwiseContrastive' | 'layerNorm';

let instead: { route: KernelRoute; ops?: readonly KernelName[] } | undefined;

/** The route by which one of the package's own ops runs, or all of them. @throws VlltrError ERR_NOT_READY */
export function kernels(op?: KernelName): KernelRoute {
  if (instead && (!instead.ops || (op && instead.ops.includes(op)))) return instead.route;
  return runtime().kernels;
}

/** Runs `f` with the package's own ops, or some of them, on another route. */
export function withKernels<T>(route: KernelRoute, f: () => T, ops?: readonly KernelName[]): T {
  const before = instead;
  instead = { route, ops };
  try {
    return f();
  } finally {
    instead = before;
  }
}

/** One phrase: backend, device and kernels. */
export function describe(runtime: Runtime): string {
  const version = runtime.tensorflow ? ` ${runtime.tensorflow}` : '';
  const apart = runtime.kernelDevice === runtime.device ? '' : ` on ${runtime.kernelDevice}`;
  return `backend ${runtime.backend}${version} on ${runtime.device}, kernels ${runtime.kernels}${apart}`;
}

async function start(choice: Choice): Promise<Runtime> {
  const reasons: string[] = [];
  const tensorflow =
    choice.backend === 'auto' || choice.backend === 'tensorflow' ? await startTensorFlow(choice, reasons) : undefined;
  const backend: Backend = tensorflow ? 'tensorflow' : await startOther(choice, reasons);
  await tf.ready();
  const where = { backend, device: 'cpu' as Device, ...tensorflow };
  const found: Runtime = { ...where, ...(await chooseKernels(choice, where, reasons)), reasons };
  current = found;
  if (process.env.VLLTR_QUIET !== '1') {
    // One line, whatever a cause says: doctor has the whole text.
    const why = reasons.length ? ` (${reasons.map((reason) => reason.split('\n')[0]).join(' ')})` : '';
    process.stderr.write(`vl-ltr: ${describe(found)}${why}\n`);
  }
  return found;
}

async function startTensorFlow(
  choice: Choice,
  reasons: string[],
): Promise<{ device: Device; tensorflow: string; folder: string } | undefined> {
  const forced = needsTensorFlow(choice);
  const causes: string[] = [];
  const wanted = tensorFlowOwnsDevice(choice) ? choice.device : choice.device === 'cuda' ? 'auto' : choice.device;
  for (const variant of candidates(wanted, gpuPresent())) {
    const installed = installedTensorFlow(variant);
    if (!installed) continue;
    try {
      registerTensorFlow(installed, choice.device === 'cpu');
      if (!(await tf.setBackend('tensorflow'))) throw new Error('TensorFlow.js could not start its backend.');
    } catch (error) {
      causes.push(`TensorFlow (${variant}) cannot be loaded: ${oneLine(error)}`);
      continue;
    }
    const device = (tf.backend() as TensorFlowBackend).isUsingGpuDevice ? 'cuda' : 'cpu';
    if (wanted === 'cuda' && device !== 'cuda') {
      const why = gpuPresent() ? 'its driver is loaded; CUDA 12 needs 525 or later' : 'no NVIDIA driver is loaded here';
      throw new VlltrError('ERR_BACKEND', `Device cuda was asked for, but TensorFlow sees no GPU (${why}).`);
    }
    if (choice.device === 'cpu' && device !== 'cpu') {
      // GPUs are hidden by an environment variable: too late once a thread has started TensorFlow, and not a worker's.
      causes.push('Device cpu was asked for, but TensorFlow already uses a GPU in this process.');
      continue;
    }
    reasons.push(...causes);
    return { device, tensorflow: installed.version, folder: installed.layout.folder };
  }
  const setupCommand = wanted === 'cuda' ? 'vl-ltr setup --cuda' : 'vl-ltr setup';
  const own = userTensorFlow();
  const cuda = wanted === 'cuda' ? "TensorFlow's CUDA build" : 'TensorFlow';
  const build = own ? `The TensorFlow named by VLLTR_TENSORFLOW_DIR (${own})` : cuda;
  if (causes.length === 0) causes.push(`${build} is not set up: run \`${setupCommand}\`.`);
  if (forced) {
    const cause = `Backend tensorflow cannot be had: ${causes.join(' ')}`;
    throw new VlltrError('ERR_BACKEND', wanted === 'cuda' ? cudaRefusal(cause, gpuPresent()) : cause);
  }
  reasons.push(...causes);
  return undefined;
}

async function startOther(choice: Choice, reasons: string[]): Promise<'wasm' | 'cpu'> {
  if (choice.backend !== 'cpu') {
    try {
      if (await startWasm()) return 'wasm';
      throw new Error('TensorFlow.js could not start it.');
    } catch (error) {
      const cause = `Backend wasm cannot be had: ${oneLine(error)}`;
      if (choice.backend === 'wasm') throw new VlltrError('ERR_BACKEND', cause, { cause: error });
      reasons.push(cause);
    }
  }
  await startCpu();
  return 'cpu';
}
