import { loadAddon } from '../../../bindings/load.js';
import { VlltrError } from '../../errors.js';
import { hasTensorFlow } from '../fused.js';
import { withKernels } from '../ready.js';
import { loadedBinding, type TensorFlowBackend } from '../tensorflow.js';
import { tf } from '../tf.js';
import { leaves, mapTree, type TensorTree } from '../tree.js';
import { checkArguments, checkResult } from './check.js';
import { difference, heldArgument } from './compare.js';
import { StepFunction } from './function.js';
import { type Precision, precisionConfig } from './precision.js';
import { Recorder } from './recorder.js';
import {
  computed,
  passing,
  rebuild,
  resultDifference,
  type StepResult,
  type Template,
  templateOf,
} from './template.js';

export type { Precision } from './precision.js';
export type { StepResult } from './template.js';

/** A step as a pure function of trees of tensors: what changes from call to call is in `state` or `inputs`. */
export type Step<S extends TensorTree, I extends TensorTree, O extends TensorTree> = (
  state: S,
  inputs: I,
) => StepResult<S, O>;

export interface CaptureOptions {
  /** Of matrix products and convolutions inside; parameters stay float32. Default `'fp32'`. */
  precision?: Precision;
  /** Compiled by XLA, the package's own ops by their plain formulas. Default false. */
  xla?: boolean;
  /** Shows in TensorFlow's function names. Default `'step'`. */
  name?: string;
  /** Signatures of shapes kept; the one longest unused goes first. Default 32. */
  signatures?: number;
  /** Called, once, with why the step cannot be captured; it then runs op by op. Without it that is thrown. */
  onFailure?: (error: VlltrError) => void;
}

/** A captured step: called as the step itself. */
export interface CapturedStep<S extends TensorTree, I extends TensorTree, O extends TensorTree> {
  (state: S, inputs: I): StepResult<S, O>;
  /** Frees TensorFlow's functions and the tensors they hold. Later calls record anew. */
  dispose(): void;
}

// More than the lengths that batches of texts are cut to (20 for 77 tokens): fewer, and functions would come and go.
const SIGNATURES = 32;
const OPTIONS: readonly string[] = [
  'precision',
  'xla',
  'name',
  'signatures',
  'onFailure',
] satisfies (keyof CaptureOptions)[];

/**
 * Makes a step one TensorFlow function. At the first call of every signature of shapes the step is traced twice, with
 * tensors that have shapes and no values; what differs between the traces is an error, since a function would freeze it.
 * Then, and in every later call, TensorFlow runs the whole step at once, fused and in
 * parallel, on the tensors that TensorFlow.js holds: nothing is copied, results are tensors like any others. All results
 * come from the function, so that a resumed run gives the numbers of an unbroken one, though oneDNN may round otherwise
 * inside a function than op by op. Under a gradient (`tf.grad`), and without backend `tensorflow` and the addon, the
 * step runs op by op.
 *
 * A tensor that the step uses without being given it (frozen parameters) is kept by the function and must be the same
 * in every call; what is made inside from numbers becomes a constant. What changes only in later calls cannot be
 * noticed: make the step pure.
 * @throws VlltrError ERR_ARGUMENT; the captured step throws ERR_CAPTURE where the step cannot be captured (see
 * `onFailure`), ERR_NATIVE naming the op where TensorFlow fails
 */
export function capture<S extends TensorTree, I extends TensorTree, O extends TensorTree>(
  step: Step<S, I, O>,
  options: CaptureOptions = {},
): CapturedStep<S, I, O> {
  const captured = new Captured(step, options);
  return Object.assign((state: S, inputs: I) => captured.call(state, inputs), { dispose: () => captured.dispose() });
}

let able: boolean | undefined;

/** Whether a step can be captured here: TensorFlow runs, on a binding that the addon can add functions to. */
export function canCapture(): boolean {
  if (!hasTensorFlow()) return false;
  able ??= isAble(); // whatever route the package's own ops take
  return able;
}

function isAble(): boolean {
  const binding = loadedBinding();
  try {
    return binding !== undefined && loadAddon().canDefineFunctions(binding);
  } catch {
    return false;
  }
}

let recording = false;

/** What one signature of shapes has become. */
interface Entry<S extends TensorTree, O extends TensorTree> {
  function: StepFunction;
  template: Template<S, O>;
}

class Captured<S extends TensorTree, I extends TensorTree, O extends TensorTree> {
  readonly #entries = new Map<string, Entry<S, O>>();
  readonly #limit: number;
  readonly #config: Uint8Array;
  #failed = false;

  constructor(
    private readonly step: Step<S, I, O>,
    private readonly options: CaptureOptions,
  ) {
    this.#config = precisionConfig(options.precision ?? 'fp32');
    this.#limit = options.signatures ?? SIGNATURES;
    if (typeof step !== 'function')
      throw new VlltrError('ERR_ARGUMENT', `capture: step is ${typeof step}; expected a function`);
    // A misspelt option would train at another precision than asked for, without a word.
    const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
    if (unknown !== undefined)
      throw new VlltrError('ERR_ARGUMENT', `capture has no option ${unknown}; expected ${OPTIONS.join(', ')}`);
    if (!Number.isInteger(this.#limit) || this.#limit < 1)
      throw new VlltrError('ERR_ARGUMENT', `capture: signatures is ${this.#limit}; expected an integer ≥ 1`);
  }

  call(state: S, inputs: I): StepResult<S, O> {
    // A captured step inside another is part of it; under a gradient its ops must be seen one by one.
    if (this.#failed || recording || !canCapture() || tf.engine().isTapeOn()) return this.#plain(state, inputs);
    try {
      return this.#run(state, inputs);
    } catch (error) {
      const { onFailure } = this.options;
      if (!onFailure || !(error instanceof VlltrError) || error.code !== 'ERR_CAPTURE') throw error;
      this.#failed = true;
      this.dispose();
      onFailure(error);
      return this.#plain(state, inputs);
    }
  }

  dispose(): void {
    for (const { function: made } of this.#entries.values()) made.dispose();
    this.#entries.clear();
  }

  /** Op by op, leaving nothing behind but the result, as a function does. */
  #plain(state: S, inputs: I): StepResult<S, O> {
    return tf.tidy(() => this.step(state, inputs) as tf.TensorContainer) as StepResult<S, O>;
  }

  #run(state: S, inputs: I): StepResult<S, O> {
    checkArguments(state, inputs);
    const named = leaves({ state, inputs });
    const args = named.map(([, tensor]) => tensor);
    const ids = (tf.backend() as TensorFlowBackend).getInputTensorIds(args);
    const key = signature(named, ids);
    const entry = this.#entries.get(key);
    if (entry) {
      this.#entries.delete(key); // the last one used is the last of the map
      this.#entries.set(key, entry);
      return rebuild(entry.template, entry.function, args, entry.function.run(args));
    }
    const { function: made, template } = this.#make(named, ids, state, inputs);
    try {
      const returned = made.run(args, true);
      this.#entries.set(key, { function: made, template });
      this.#evict();
      return rebuild(template, made, args, returned);
    } catch (error) {
      made.dispose();
      throw error;
    }
  }

  /** Traces the step twice and makes the function. */
  #make(named: [string, tf.Tensor][], ids: readonly number[], state: S, inputs: I): Entry<S, O> {
    const { xla = false, name = 'step' } = this.options;
    const recorders = [0, 1].map(() => new Recorder(tf.backend() as TensorFlowBackend));
    try {
      const [first, again] = recorders.map((recorder) => this.#record(recorder, state, inputs));
      const [one, two] = recorders.map(({ tape }) => tape);
      const differs = heldArgument(one!, named, ids) ?? difference(one!, two!) ?? resultDifference(first!, again!);
      if (differs) throw differs;
      const made = new StepFunction(name, recorders[0]!, computed(first!), { config: this.#config, xla });
      return { function: made, template: first! };
    } finally {
      for (const { graph } of recorders) graph.dispose();
    }
  }

  /**
   * Traces the step with tensors that stand for its arguments: one that uses a tensor of this call without taking it from
   * its arguments, which the next call would not change, is found out.
   */
  #record(recorder: Recorder, state: S, inputs: I): Template<S, O> {
    const given = { state, inputs };
    const args = leaves(given).map(([, tensor]) => tensor);
    recording = true;
    try {
      const template = recorder.run(args, (traced) => {
        let next = 0;
        const mine = mapTree(given, () => traced[next++]!);
        const plain = () => this.step(mine.state, mine.inputs);
        const step = this.options.xla ? () => withKernels('tfjs', plain) : plain;
        return passing(step, (result) => {
          checkResult(result);
          return recorder.failure ? undefined : templateOf(result, traced, recorder);
        });
      });
      if (recorder.failure) throw recorder.failure;
      return template!;
    } finally {
      recording = false;
    }
  }

  #evict(): void {
    for (const [key, { function: made }] of this.#entries) {
      if (this.#entries.size <= this.#limit) return;
      made.dispose();
      this.#entries.delete(key);
    }
  }
}

/** Shapes and types by path, and which leaves are one and the same tensor. */
function signature(named: readonly [string, tf.Tensor][], ids: readonly number[]): string {
  const first = new Map<number, number>();
  return named
    .map(([path, { dtype, shape }], i) => {
      if (!first.has(ids[i]!)) first.set(ids[i]!, i);
      return `${path}:${dtype}[${shape}]${first.get(ids[i]!) === i ? '' : `=${first.get(ids[i]!)}`}`;
    })
    .join(' ');
}
