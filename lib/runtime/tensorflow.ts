import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { VlltrError } from '../errors.js';
import { findBinding } from './binding.js';
import { quietName } from './bindingBuild.js';
import type { Device } from './choice.js';
import { tensorFlowLogLevel } from './hardware.js';
import { findLayout, type Layout, type Variant } from './layout.js';
import { prebuildsFolder, userTensorFlow } from './paths.js';
import { tf } from './tf.js';

const require = createRequire(import.meta.url);

/** The part of tfjs-node's binding that this package calls itself. */
export interface TensorFlowBinding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  isUsingGpuDevice(): boolean;
  /** Copies nothing: the tensor shares the array's memory. Gives the tensor's id. */
  createTensor(shape: number[], dtype: number, values: ArrayBufferView): number;
  executeOp(name: string, attributes: OpAttribute[], inputs: number[], outputs: number): TensorMetadata[];
  tensorDataSync(id: number): tf.TypedArray;
  deleteTensor(id: number): void;
}

/** A tensor inside the binding. */
export interface TensorMetadata {
  readonly id: number;
  readonly dtype: number;
  readonly shape: number[];
}

/** An attribute of a TensorFlow op as the binding takes it. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** tfjs-node's backend, as far as this package uses it. */
export interface TensorFlowBackend extends tf.KernelBackend {
  binding: TensorFlowBinding;
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: {
    has(dataId: object): boolean;
    get(dataId: object): { id: number; dtype: number; values: unknown };
  };
  incRef(dataId: object): void;
  /** Ids of tensors inside the binding; values that are still JavaScript's are handed to it now. */
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  /** Puts values under a data id, to be handed to the binding when an op first needs them. */
  move(dataId: object, values: unknown, shape: number[], dtype: tf.DataType, refCount: number): void;
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  executeMultipleOutputs(name: string, attributes: OpAttribute[], inputs: tf.Tensor[], outputs: number): tf.Tensor[];
}

/** A TensorFlow that set-up laid out, built a binding for and verified. */
export interface InstalledTensorFlow {
  readonly variant: Variant;
  /** Path of the binding. */
  readonly binding: string;
  readonly layout: Layout;
  /** TF_Version. */
  readonly version: string;
  /** Where it computed when set-up verified it. */
  readonly device: Device;
}

/** The verified TensorFlow of a variant, or undefined. */
export function installedTensorFlow(variant: Variant): InstalledTensorFlow | undefined {
  const layout = findLayout(variant);
  const stamp = layout && findBinding(layout);
  if (!layout || !stamp) return undefined;
  const device = stamp.device ?? 'cpu';
  return { variant, layout, binding: join(layout.folder, stamp.binding), version: stamp.tensorflow, device };
}

/** What may be loaded, best first. A libtensorflow that the user named is the only candidate. */
export function candidates(device: 'auto' | Device, gpuPresent: boolean): Variant[] {
  if (userTensorFlow()) return ['user'];
  if (device === 'cuda') return ['cuda'];
  return device === 'auto' && gpuPresent ? ['cuda', 'cpu'] : ['cpu', 'cuda'];
}

let loaded: InstalledTensorFlow | undefined;

/**
 * Registers the backend `tensorflow`: tfjs-node's own kernels and class on the binding that set-up built. Once a
 * process; TensorFlow reads its environment variables now.
 * @param cpuOnly hide the GPUs from TensorFlow
 */
export function registerTensorFlow(installed: InstalledTensorFlow, cpuOnly: boolean): void {
  if (loaded) {
    if (loaded.binding === installed.binding) return;
    throw new VlltrError('ERR_BACKEND', `This process already runs TensorFlow from ${loaded.layout.folder}.`);
  }
  process.env.TF_CPP_MIN_LOG_LEVEL ??= installed.variant === 'cpu' ? '2' : tensorFlowLogLevel(cpuOnly);
  if (cpuOnly) process.env.CUDA_VISIBLE_DEVICES = '-1';
  // TensorFlow takes oneDNN by itself only where there is AVX-512 with its neural network extensions; with AVX2 alone a
  // ResNet's step is 2 to 3 times as fast with it, too.
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
  restoreRemovedUtilities();
  const quiet = quietName(installed.binding);
  if (existsSync(quiet)) require(quiet); // loads libtensorflow without its greeting
  const binding = require(installed.binding) as TensorFlowBinding;
  const { NodeJSKernelBackend } = requireTfjsNode('nodejs_kernel_backend') as {
    NodeJSKernelBackend: new (binding: TensorFlowBinding, name: string) => TensorFlowBackend;
  };
  // The name decides whether NCHW kernels are used, which only the GPU has.
  const name = binding.isUsingGpuDevice() ? '@tensorflow/tfjs-node-gpu' : 'vl-ltr';
  tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, name), 3);
  requireTfjsNode('register_all_kernels');
  loaded = installed;
}

/**
 * A module of tfjs-node: the package carries those that are needed (`npm run prebuilds`), a checkout has them all. One
 * by one, since tfjs-node's index would look for its own download.
 */
function requireTfjsNode(name: string): unknown {
  const carried = join(prebuildsFolder(), '../tfjs-node/dist', `${name}.js`);
  return require(existsSync(carried) ? carried : `@tensorflow/tfjs-node/dist/${name}`);
}

/** Path of the binding that runs. Undefined before `registerTensorFlow`. */
export function loadedBinding(): string | undefined {
  return loaded?.binding;
}

/** Node 23 removed functions of `util` that tfjs-node still calls; before that they print a warning. */
export function restoreRemovedUtilities(): void {
  const util = require('node:util') as Record<string, unknown>;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}
