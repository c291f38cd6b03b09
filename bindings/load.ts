import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VlltrError } from '../lib/errors.js';
import { gpuPresent } from '../lib/runtime/hardware.js';
import type { Addon, TensorFlowRegistration } from './addon.js';
import { type CudaPackage, cudaPackage } from './cudaPackage.js';

const require = createRequire(import.meta.url);
const NAME = 'vl_ltr.node';

let loaded: Addon | undefined;

/**
 * The addon, loaded once a thread of JavaScript: the one built in this checkout (build/native, build/native-cuda), else the
 * one shipped for this platform (prebuilds/).
 * @throws VlltrError ERR_NATIVE with every cause and what helps; ERR_BACKEND if VLLTR_ISA or VLLTR_THREADS cannot be had
 */
export function loadAddon(): Addon {
  loaded ??= loadFrom(addonCandidates());
  return loaded;
}

/**
 * Registers the addon's ops in the TensorFlow of this process, which must be loaded. Done once a process, whoever asks.
 * @throws VlltrError ERR_NATIVE without TensorFlow, or with one that lacks what is needed
 */
export function registerTensorFlowOps(): TensorFlowRegistration {
  return loadAddon().registerTensorFlowOps();
}

/** The addon's functions that compute. */
export type Kernel = {
  [Name in keyof Addon]: Addon[Name] extends (...given: never[]) => void
    ? Name extends `${'adamw' | 'anchorAttention' | 'contrastive' | 'layerNorm'}${string}`
      ? Name
      : never
    : never;
}[keyof Addon];

/** A kernel's call on libuv's pool: see `Addon.later`. */
export function kernelLater<K extends Kernel>(kernel: K, ...given: Parameters<Addon[K]>): Promise<void> {
  return loadAddon().later(kernel, given);
}

/** Loads the first of `paths` that can be, and proves that it runs. For `loadAddon` and tests of its errors. */
export function loadFrom(paths: readonly string[]): Addon {
  const causes: string[] = [];
  for (const path of paths) {
    if (!existsSync(path)) {
      causes.push(`${path}: there is no such file`);
      continue;
    }
    let raw: Addon;
    try {
      raw = require(path) as Addon;
    } catch (error) {
      causes.push(`${path}: ${message(error)}`);
      continue;
    }
    const addon = wrap(raw);
    try {
      addon.info();
    } catch (error) {
      // Not a reason to look further: a choice was forced that cannot be had.
      throw new VlltrError('ERR_BACKEND', `The addon cannot run as asked: ${message(error)}`, { cause: error });
    }
    return addon;
  }
  // A checkout has the means to build it, an installed package has not.
  const remedy = existsSync(join(packageRoot(), 'node_modules', 'cmake-js'))
    ? 'Build it with `npm run build:native` (needs CMake and a C++20 compiler)'
    : 'The package carries it for linux-x64 with glibc 2.28 or later';
  throw new VlltrError(
    'ERR_NATIVE',
    `The native addon for ${process.platform}-${process.arch} cannot be loaded. ${remedy}, or do without: VLLTR_KERNELS=tfjs.\nTried:\n  ${causes.join('\n  ')}`,
  );
}

/**
 * Where the addon may be, best first: with CUDA kernels (`npm run build:cuda`, or the package of them) where there may be a
 * card for them.
 */
export function addonCandidates(env: NodeJS.ProcessEnv = process.env, card = gpuPresent()): string[] {
  const root = packageRoot();
  const { addon } = installedCudaPackage();
  const cuda = [join(root, 'build', 'native-cuda', 'Release', NAME), ...(addon ? [addon] : [])];
  const plain = [join(root, 'build', 'native', 'Release', NAME), join(root, 'build', 'native', NAME)];
  const wanted = env.VLLTR_DEVICE === 'cuda' || (env.VLLTR_DEVICE !== 'cpu' && card);
  const all = [...plain, ...prebuilds(root)];
  return wanted ? [...cuda, ...all] : [...all, ...cuda];
}

/** What is installed of the package with CUDA kernels. */
export function installedCudaPackage(): CudaPackage {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return cudaPackage(version);
}

interface Tags {
  readonly file: string;
}

/** Files of prebuilds/<platform>-<arch>/ that fit, named as node-gyp-build has it (`vl-ltr.glibc.node`), best first. */
function prebuilds(root: string): string[] {
  const { parseTags, matchTags, compareTags } = require('node-gyp-build') as {
    parseTags(file: string): Tags | undefined;
    matchTags(runtime: string, abi: string): (tags: Tags | undefined) => boolean;
    compareTags(runtime: string): (a: Tags, b: Tags) => number;
  };
  const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.startsWith('vl-ltr.') || file.startsWith('vl_ltr.'))
    .map(parseTags)
    .filter((tags): tags is Tags => matchTags('node', process.versions.modules)(tags))
    .sort(compareTags('node'))
    .map(({ file }) => join(folder, file));
}

/** The folder of this package's package.json, from bindings/ as from dist/bindings/. */
function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'vl-ltr') return folder;
    if (folder === dirname(folder)) {
      throw new VlltrError('ERR_INTERNAL', `No package.json of vl-ltr above ${fileURLToPath(import.meta.url)}`);
    }
  }
}

/** The same functions, whose errors are VlltrErrors. */
function wrap(raw: Addon): Addon {
  const wrapped: Record<string, (...args: unknown[]) => unknown> = {};
  const rethrow = (error: unknown): never => {
    throw new VlltrError('ERR_NATIVE', message(error), { cause: error });
  };
  for (const [name, call] of Object.entries(raw) as [string, (...args: unknown[]) => unknown][]) {
    wrapped[name] = (...args) => {
      try {
        const result = call(...args);
        return result instanceof Promise ? result.catch(rethrow) : result;
      } catch (error) {
        return rethrow(error);
      }
    };
  }
  return wrapped as unknown as Addon;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
