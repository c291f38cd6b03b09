import { loadAddon } from '../../../bindings/load.js';
import { VlltrError } from '../../errors.js';
import { hasTensorFlow } from '../fused.js';
import { withKernels } from '../ready.js';
import { loadedBinding, type TensorFlowBackend } from '../tensorflow.js';
import { tf } from '../tf.js';
import { disposeTree, leaves, mapTree, type TensorTree } from '../tree.js';
import { checkArguments, checkResult } from './check.js';
import { difference, heldArgument } from './compare.js';
import { StepFunction } from './function.js';
import { type Precision, precisionConfig } from './precision.js';
import { Recorder } from './tape.js';
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
 * Makes a step one TensorFlow function. At the first call of every signature of shapes the step runs op by op twice, on
 * copies of the arguments, and is recorded; what differs between the recordings is an error, since a function would
 * freeze it. Then, and in every later call, TensorFlow runs the whole step at once, fused and in
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

  /** Records the step twice and makes the function. */
  #make(named: [string, tf.Tensor][], ids: readonly number[], state: S, inputs: I): Entry<S, O> {
    const first = this.#recordCopies(state, inputs);
    const again = this.#recordCopies(state, inputs);
    const differs =
      heldArgument(first.tape, named, ids) ??
      difference(first.tape, again.tape) ??
      resultDifference(first.template, again.template);
    if (differs) throw differs;
    const { tape, template } = first;
    const args = named.map(([, tensor]) => tensor);
    const { xla = false, name = 'step' } = this.options;
    const options = { config: this.#config, xla };
    return { function: new StepFunction(name, args, tape, computed(template), options), template };
  }

  /**
   * Records the step on other tensors of the same values: one that uses a tensor of this call without taking it from its
   * arguments, which the next call would not change, is found out.
   */
  #recordCopies(state: S, inputs: I) {
    const copied = new Map<object, tf.Tensor>();
    const copy = (t: tf.Tensor): tf.Tensor => {
      const known = copied.get(t.dataId);
      if (known) return known.clone(); // what was one tensor under two names stays one
      const made = t.reshape(t.shape);
      copied.set(t.dataId, made);
      return made;
    };
    const copies = tf.tidy(() => ({ state: mapTree(state, copy), inputs: mapTree(inputs, copy) }));
    try {
      return this.#record(copies.state, copies.inputs);
    } finally {
      disposeTree(copies);
    }
  }

  /** Runs the step op by op for its tape alone. */
  #record(state: S, inputs: I) {
    const args = leaves({ state, inputs }).map(([, tensor]) => tensor);
    const recorder = new Recorder(tf.backend() as TensorFlowBackend, args);
    const plain = () => this.step(state, inputs);
    const step = this.options.xla ? () => withKernels('tfjs', plain) : plain;
    recording = true;
    try {
      const template = recorder.run(() =>
        passing(step, (result) => {
          checkResult(result);
          return templateOf(result, args, recorder);
        }),
      );
      if (recorder.failure) throw recorder.failure;
      return { tape: recorder.tape, template };
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
