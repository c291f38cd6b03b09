import { VlltrError } from '../errors.js';

/** Where tensors live and are computed. */
export type Backend = 'tensorflow' | 'wasm' | 'cpu';
/** Where the package's own ops are computed: TensorFlow ops of the addon, the addon on typed arrays, or plain TensorFlow.js. */
export type KernelRoute = 'tensorflow' | 'node' | 'tfjs';
export type Device = 'cuda' | 'cpu';

/** What the caller of `ready()` may choose. An option beats its environment variable; `'auto'` is the default of both. */
export interface ReadyOptions {
  /** `VLLTR_BACKEND` */
  backend?: 'auto' | Backend;
  /** `VLLTR_KERNELS` */
  kernels?: 'auto' | KernelRoute;
  /**
   * `VLLTR_DEVICE`. `cuda`: TensorFlow computes on the card, and so do the package's own ops where the addon has CUDA kernels;
   * or, with kernels `node`, they alone do, and their arrays are copied there and back.
   */
  device?: 'auto' | Device;
}

export interface Choice {
  readonly backend: 'auto' | Backend;
  readonly kernels: 'auto' | KernelRoute;
  readonly device: 'auto' | Device;
}

const ALLOWED = {
  backend: ['auto', 'tensorflow', 'wasm', 'cpu'],
  kernels: ['auto', 'tensorflow', 'node', 'tfjs'],
  device: ['auto', 'cuda', 'cpu'],
} as const;

/**
 * Options, then environment variables, then `'auto'`.
 * @throws VlltrError ERR_ARGUMENT for an option or a value that does not exist, ERR_BACKEND for values that exclude each other
 */
export function resolveChoice(options: ReadyOptions = {}, env: NodeJS.ProcessEnv = process.env): Choice {
  const pick = <K extends keyof Choice>(key: K): Choice[K] => {
    const variable = `VLLTR_${key.toUpperCase()}`;
    const value = options[key] ?? (env[variable] || 'auto');
    const source = options[key] === undefined ? variable : `ready({${key}})`;
    if (!(ALLOWED[key] as readonly string[]).includes(value)) {
      throw new VlltrError(
        'ERR_ARGUMENT',
        `${source} is ${JSON.stringify(value)}; expected one of ${ALLOWED[key].join(', ')}.`,
      );
    }
    return value as Choice[K];
  };
  const unknown = Object.keys(options).find((key) => !Object.hasOwn(ALLOWED, key));
  if (unknown !== undefined) {
    throw new VlltrError(
      'ERR_ARGUMENT',
      `ready has no option ${unknown}; expected ${Object.keys(ALLOWED).join(', ')}.`,
    );
  }
  const choice = { backend: pick('backend'), kernels: pick('kernels'), device: pick('device') };
  if (choice.kernels === 'tensorflow' && (choice.backend === 'wasm' || choice.backend === 'cpu')) {
    throw new VlltrError('ERR_BACKEND', `Kernels tensorflow need backend tensorflow; ${choice.backend} was chosen.`);
  }
  if (
    choice.device === 'cuda' &&
    choice.kernels === 'tfjs' &&
    (choice.backend === 'wasm' || choice.backend === 'cpu')
  ) {
    throw new VlltrError(
      'ERR_BACKEND',
      `Device cuda needs backend tensorflow or kernels node; ${choice.backend} and tfjs were chosen.`,
    );
  }
  return choice;
}

/** Whether device `cuda`, where it is chosen, is TensorFlow's matter; else it is that of the kernels through Node-API. */
export function tensorFlowOwnsDevice({ backend, kernels }: Choice): boolean {
  return kernels !== 'node' && backend !== 'wasm' && backend !== 'cpu';
}

/** Why device `cuda` cannot be had: that there is no card comes before what a card would need besides. */
export const cudaRefusal = (cause: string, driver: boolean): string =>
  driver
    ? cause
    : `Device cuda was asked for, but no NVIDIA driver is loaded here: there is no card, or its driver is missing. Besides: ${cause}`;

/** Whether anything was chosen that only backend `tensorflow` has. */
export function needsTensorFlow(choice: Choice): boolean {
  const cuda = choice.device === 'cuda' && tensorFlowOwnsDevice(choice);
  return choice.backend === 'tensorflow' || choice.kernels === 'tensorflow' || cuda;
}
