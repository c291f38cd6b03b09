import type { CudaInfo } from './cuda.js';
import type { PictureAddon } from './pictures.js';

/**
 * The addon's contract: every function that bindings/node/addon.cc exports, and nothing else. This file and pictures.ts are
 * the only places in TypeScript that name native functions; bindings/check-contract.mjs compares them with the C++.
 *
 * Arrays are allocated by the caller and may be views on one buffer that do not overlap. A call with a wrong type,
 * length or an overlap throws a VlltrError ERR_NATIVE and writes nothing.
 */
export interface Addon extends PictureAddon {
  /** What was chosen for this process. */
  info(): AddonInfo;

  /** The cards that this build's kernels see. Starts the driver's library, so ask in a process of its own where in doubt. */
  cuda(): CudaInfo;

  /**
   * Checks the kernels of an op of `cuda().checked` on a card, on libuv's pool, with inputs drawn from `seed`; gives a
   * `SelftestReport` as JSON. On device -1 an op of `info().checked`, the processor's kernels of the instruction set in use.
   * @param bench whether timings are taken too, on a card
   */
  selftest(device: number, op: string, seed: number, bench: boolean): Promise<string>;

  /**
   * Lets this environment's kernels compute on a card, or with -1 on the CPU: those that have a CUDA form; arrays are copied
   * there and back. Anchor tables belong to where they were made.
   */
  useDevice(device: number): void;

  /**
   * A kernel's call on libuv's pool, by the name of its function here (see `kernelLater`). Until the promise is settled its
   * arrays must not be used, nor their buffers transferred; views on the wasm heap are not for it.
   */
  later(kernel: string, given: readonly unknown[]): Promise<void>;

  /** Registers the ops of `TENSORFLOW_OPS` in the TensorFlow of this process; again, it does nothing. */
  registerTensorFlowOps(): TensorFlowRegistration;

  /**
   * An empty graph for a function; its values (arguments, constants, outputs of ops) are numbered from 0 in the order in
   * which they are added. Nothing in it is computed. Kept until `deleteFunctionGraph`.
   */
  newFunctionGraph(): number;

  addFunctionArgument(graph: number, type: TensorType): void;

  addFunctionConstant(graph: number, constant: ConstantTensor): void;

  /** Adds an op and gives the types of its outputs as TensorFlow infers them. */
  addFunctionOp(graph: number, op: FunctionOp): OutputType[];

  deleteFunctionGraph(graph: number): void;

  /** Whether `defineFunction` can work on this binding, which this environment has loaded. */
  canDefineFunctions(binding: string): boolean;

  /**
   * Makes a TensorFlow function of a graph and adds it to the context of TensorFlow.js's binding, which can then run it
   * by its name as an op.
   * @param binding path of the binding that this environment has loaded
   */
  defineFunction(binding: string, graph: number, definition: FunctionDefinition): void;

  /** Removes a function that `defineFunction` added. */
  removeFunction(binding: string, name: string): void;

  /**
   * One step of AdamW over all parameters, which lie one behind the other in params, m and v [N]; `grads` are their
   * gradients in the same order, `rules` weight decay, factor on the learning rate and upper bound of each [grads, 3].
   * No clipping with `clipNorm` infinite. Fills the new params, m and v [N] and the norm of the gradient [1].
   */
  adamw(
    params: Float32Array,
    m: Float32Array,
    v: Float32Array,
    grads: readonly Float32Array[],
    rules: Float32Array,
    learningRate: number,
    step: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    clipNorm: number,
    newParams: Float32Array,
    newM: Float32Array,
    newV: Float32Array,
    gradNorm: Float32Array,
  ): void;

  /**
   * A table of frozen anchors [C·M·D], of which the first counts[c] of the M (`perClass`) of class c are valid, and its
   * number. Kept until `deleteAnchorTable`, or until this environment ends.
   * @param bfloat16 whether it is stored as the classes' means and a remainder in bfloat16
   */
  newAnchorTable(anchors: Float32Array, counts: Int32Array, perClass: number, width: number, bfloat16: boolean): number;

  deleteAnchorTable(table: number): void;

  /**
   * Logits [B·C] of the attention of images x [B·D] to a table's anchors; wq, wk [D·D]; logitScale [1]. Fills logits and
   * `kept`, which is empty or holds the scores for the gradient: 2 for each valid anchor and image, B rounded up to 16.
   */
  anchorAttentionForward(
    table: number,
    x: Float32Array,
    wq: Float32Array,
    wk: Float32Array,
    gammaQ: Float32Array,
    betaQ: Float32Array,
    gammaK: Float32Array,
    logitScale: Float32Array,
    logits: Float32Array,
    kept: Float32Array,
  ): void;

  /** Its gradient, from what the forward pass kept, or nothing, and dlogits [B·C]; fills the rest. */
  anchorAttentionBackward(
    table: number,
    x: Float32Array,
    wq: Float32Array,
    wk: Float32Array,
    gammaQ: Float32Array,
    betaQ: Float32Array,
    gammaK: Float32Array,
    logitScale: Float32Array,
    detachNorm: boolean,
    kept: Float32Array,
    dlogits: Float32Array,
    dx: Float32Array,
    dwq: Float32Array,
    dwk: Float32Array,
    dgammaQ: Float32Array,
    dbetaQ: Float32Array,
    dgammaK: Float32Array,
    dlogitScale: Float32Array,
  ): void;

  /** As `anchorAttentionForward`; fills also the weights and the contributions of all anchors, [B·C·M] each. */
  anchorAttentionWeights(
    table: number,
    x: Float32Array,
    wq: Float32Array,
    wk: Float32Array,
    gammaQ: Float32Array,
    betaQ: Float32Array,
    gammaK: Float32Array,
    logitScale: Float32Array,
    logits: Float32Array,
    weights: Float32Array,
    contributions: Float32Array,
  ): void;

  /**
   * Class-wise contrastive loss of B pairs of features image and text [B·D] with labels [B]; the teacher's features are
   * [B·D'], or empty without one; scales [1]. Fills losses [3] (loss, contrastive, distillation), the statistics of rows
   * and columns [3·B] and `kept`, which is empty or holds the similarities for the gradient: B·B, twice with a teacher.
   * @param bfloat16 whether features are rounded to bfloat16 in products
   */
  contrastiveForward(
    image: Float32Array,
    text: Float32Array,
    labels: Int32Array,
    logitScale: Float32Array,
    teacherImage: Float32Array,
    teacherText: Float32Array,
    teacherLogitScale: Float32Array,
    smoothing: number,
    distillWeight: number,
    bfloat16: boolean,
    losses: Float32Array,
    rows: Float32Array,
    columns: Float32Array,
    kept: Float32Array,
  ): void;

  /** Its gradient, from what the forward pass filled and the upstream gradient dlosses [3], whose first counts; fills the rest. */
  contrastiveBackward(
    image: Float32Array,
    text: Float32Array,
    labels: Int32Array,
    logitScale: Float32Array,
    teacherImage: Float32Array,
    teacherText: Float32Array,
    teacherLogitScale: Float32Array,
    smoothing: number,
    distillWeight: number,
    bfloat16: boolean,
    rows: Float32Array,
    columns: Float32Array,
    kept: Float32Array,
    dlosses: Float32Array,
    dimage: Float32Array,
    dtext: Float32Array,
    dlogitScale: Float32Array,
  ): void;

  /** Layer norm over rows of length D: x, y [R·D]; gamma, beta [D]; mean, rstd [R]. Fills y, mean and rstd. */
  layerNormForward(
    x: Float32Array,
    gamma: Float32Array,
    beta: Float32Array,
    epsilon: number,
    y: Float32Array,
    mean: Float32Array,
    rstd: Float32Array,
  ): void;

  /** Its gradient, from the upstream gradient dy [R·D]. Fills dx [R·D], dgamma and dbeta [D]. */
  layerNormBackward(
    dy: Float32Array,
    x: Float32Array,
    gamma: Float32Array,
    mean: Float32Array,
    rstd: Float32Array,
    dx: Float32Array,
    dgamma: Float32Array,
    dbeta: Float32Array,
  ): void;
}

export interface AddonInfo {
  /** The instruction set in use; `VLLTR_ISA` forces one. */
  readonly isa: Isa;
  /** Those that this processor has, best first. */
  readonly available: readonly Isa[];
  /** Ops that `selftest` knows on the processor. */
  readonly checked: readonly string[];
  /** Size of the thread pool; `VLLTR_THREADS` sets it. */
  readonly threads: number;
  /** The library that JPEGs are decoded by, and its version; empty where the addon was built without. */
  readonly jpeg: string;
  /** Kernels called through this door by this thread of JavaScript. */
  readonly calls: number;
}

export type Isa = 'avx512bf16' | 'avx512' | 'avx2' | 'generic';

/** A tensor's type (TF_DataType) and shape. */
export interface TensorType {
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** An attribute as TensorFlow.js's binding takes it; `type` is a TF_AttrType. */
export interface FunctionAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** A tensor that is the same in every call. */
export interface ConstantTensor extends TensorType {
  readonly values: ArrayBufferView;
}

/** What an op will give; without a shape where that depends on values. */
export interface OutputType {
  readonly dtype: number;
  readonly shape: number[] | null;
}

/** One op. Inputs are numbers of values. */
export interface FunctionOp {
  /** Of the node; unique. TensorFlow's errors at run time mention it. */
  readonly name: string;
  readonly op: string;
  readonly attributes: readonly FunctionAttribute[];
  readonly inputs: readonly number[];
  readonly outputs: number;
}

export interface FunctionDefinition {
  readonly name: string;
  /** Numbers of values. */
  readonly results: readonly number[];
  /** By XLA. */
  readonly compile: boolean;
  /** A serialised ConfigProto under which the function is optimised; empty: TensorFlow's defaults. */
  readonly config: Uint8Array;
}

export interface TensorFlowRegistration {
  /** TensorFlow's version. */
  readonly version: string;
  /** The devices that each op has kernels for, by TensorFlow's names: CPU, GPU. */
  readonly kernels: Readonly<Record<string, readonly string[]>>;
}

/** The ops that the addon registers in TensorFlow (bindings/tensorflow), by name. */
export const TENSORFLOW_OPS = [
  'VlltrAdamw',
  'VlltrAnchorAttention',
  'VlltrAnchorAttentionGrad',
  'VlltrContrastive',
  'VlltrContrastiveGrad',
  'VlltrLayerNorm',
  'VlltrLayerNormGrad',
] as const;
