import { loadAddon } from '../../../bindings/load.js';
import { VlltrError } from '../../errors.js';
import { hasTensorFlow } from '../fused.js';
import { withKernels } from '../ready.js';
import { loadedBinding, type TensorFlowBackend } from '../tensorflow.js';
import { tf } from '../tf.js';
import { disposeTree, leaves, mapTree, type TensorTree } from '../tree.js';
import { difference, heldArgument, same } from './compare.js';
import { StepFunction } from './function.js';
import { type Precision, precisionConfig } from './precision.js';
import { Recorder, type Value } from './tape.js';

export type { Precision } from './precision.js';

/** A step as a pure function of trees of tensors: what changes from call to call is in `state` or `inputs`. */
export type Step<S extends TensorTree, I extends TensorTree, O extends TensorTree> = (
  state: S,
  inputs: I,
) => { state: S; outputs: O };

export interface CaptureOptions {
  /** Of matrix products and convolutions inside; parameters stay float32. Default `'fp32'`. */
  precision?: Precision;
  /** Compiled by XLA, the package's own ops by their plain formulas. Default false. */
  xla?: boolean;
  /** Shows in TensorFlow's function names. Default `'step'`. */
  name?: string;
  /** Signatures of shapes kept; the one longest unused goes first. Default 16. */
  signatures?: number;
  /** Called, once, with why the step cannot be captured; it then runs op by op. Without it that is thrown. */
  onFailure?: (error: VlltrError) => void;
}

/** A captured step: called as the step itself. */
export interface CapturedStep<S extends TensorTree, I extends TensorTree, O extends TensorTree> {
  (state: S, inputs: I): { state: S; outputs: O };
  /** Frees TensorFlow's functions and the tensors they hold. Later calls record anew. */
  dispose(): void;
}

const SIGNATURES = 16;

/**
 * Makes a step one TensorFlow function. At the first call of every signature of shapes the step runs op by op twice, on
 * the arguments and on copies of them, and is recorded; what differs between the recordings is an error, since a
 * function would freeze it. Then, and in every later call, TensorFlow runs the whole step at once, fused and in
 * parallel, on the tensors that TensorFlow.js holds: nothing is copied, results are tensors like any others. All results
 * come from the function, so that a resumed run gives the numbers of an unbroken one, though oneDNN may round otherwise
 * inside a function than op by op. Results do not carry gradients. Without backend `tensorflow` and the addon the step
 * runs op by op.
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

/** Where each leaf of the step's result comes from. */
interface Template<S extends TensorTree, O extends TensorTree> {
  /** The trees, their tensors standing for their place in `values`. */
  result: { state: S; outputs: O };
  /** Value of each distinct tensor of the result. */
  values: Value[];
  /** Index into `values` by the leaf's path. */
  at: Map<string, number>;
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
    if (!Number.isInteger(this.#limit) || this.#limit < 1)
      throw new VlltrError('ERR_ARGUMENT', `capture: signatures is ${this.#limit}; expected an integer ≥ 1`);
  }

  call(state: S, inputs: I): { state: S; outputs: O } {
    // A captured step inside another is part of it.
    if (this.#failed || recording || !canCapture()) return this.step(state, inputs);
    const args = flat(state, inputs);
    const backend = tf.backend() as TensorFlowBackend;
    const key = signature(leaves({ state, inputs }), backend.getInputTensorIds(args));
    const entry = this.#entries.get(key) ?? this.#make(backend, args, state, inputs);
    if (!entry) return this.step(state, inputs);
    this.#entries.delete(key); // the last one used is the last of the map
    this.#entries.set(key, entry);
    this.#evict();
    return rebuild(entry, args);
  }

  dispose(): void {
    for (const { function: made } of this.#entries.values()) made.dispose();
    this.#entries.clear();
  }

  /** Records the step twice and makes the function; undefined where it cannot be made and `onFailure` was told so. */
  #make(backend: TensorFlowBackend, args: tf.Tensor[], state: S, inputs: I): Entry<S, O> | undefined {
    const { onFailure, xla = false, name = 'step' } = this.options;
    try {
      const first = this.#recordCopies(backend, state, inputs);
      const again = this.#recordCopies(backend, state, inputs);
      const differs =
        heldArgument(first.tape, leaves({ state, inputs }), backend.getInputTensorIds(args)) ??
        difference(first.tape, again.tape) ??
        resultDifference(first.template, again.template);
      if (differs) throw differs;
      const { tape, template } = first;
      const results = template.values.filter(isComputed);
      const made = new StepFunction(backend, name, args, tape, results, { config: this.#config, xla });
      return { function: made, template };
    } catch (error) {
      if (!onFailure || !(error instanceof VlltrError) || error.code !== 'ERR_CAPTURE') throw error;
      this.#failed = true;
      this.dispose();
      onFailure(error);
      return undefined;
    }
  }

  /**
   * Records the step on other tensors of the same values: one that uses a tensor of this call without taking it from its
   * arguments, which the next call would not change, is found out.
   */
  #recordCopies(backend: TensorFlowBackend, state: S, inputs: I) {
    const copied = new Map<object, tf.Tensor>();
    const copy = (t: tf.Tensor): tf.Tensor => {
      const known = copied.get(t.dataId);
      if (known) return known.clone(); // what was one tensor under two names stays one
      const made = t.reshape(t.shape);
      copied.set(t.dataId, made);
      return made;
    };
    const copies = tf.tidy(() => mapTree({ state, inputs } as { state: S; inputs: I }, copy));
    try {
      return this.#record(backend, flat(copies.state, copies.inputs), copies.state, copies.inputs);
    } finally {
      disposeTree(copies);
    }
  }

  /** Runs the step op by op for its tape alone. */
  #record(backend: TensorFlowBackend, args: tf.Tensor[], state: S, inputs: I) {
    const recorder = new Recorder(backend, args);
    const run = () => this.step(state, inputs);
    recording = true;
    try {
      const template = recorder.run(() => {
        const result = tf.tidy(() => (this.options.xla ? withKernels('tfjs', run) : run()));
        const made = templateOf(result, recorder);
        disposeTree(result as unknown as TensorTree, { state, inputs });
        return made;
      });
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

/** The tensors of both trees, in the order of a function's arguments. */
const flat = (state: TensorTree, inputs: TensorTree): tf.Tensor[] =>
  leaves({ state, inputs }).map(([, tensor]) => tensor);

const isComputed = (value: Value): boolean => value.kind === 'op' || value.kind === 'constant';

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

function templateOf<S extends TensorTree, O extends TensorTree>(
  result: { state: S; outputs: O },
  recorder: Recorder,
): Template<S, O> {
  const values: Value[] = [];
  const at = new Map<string, number>();
  const seen = new Map<number, number>();
  for (const [path, tensor] of leaves(result)) {
    let index = seen.get(tensor.id);
    if (index === undefined) {
      index = values.push(recorder.valueOf(tensor)) - 1;
      seen.set(tensor.id, index);
    }
    at.set(path, index);
  }
  return { result, values, at };
}

function resultDifference<S extends TensorTree, O extends TensorTree>(
  first: Template<S, O>,
  second: Template<S, O>,
): VlltrError | undefined {
  const paths = new Set([...first.at.keys(), ...second.at.keys()]);
  for (const path of paths) {
    const [a, b] = [first, second].map(({ values, at }) => values[at.get(path) ?? -1]);
    if (!a || !b || !same(a, b))
      return new VlltrError(
        'ERR_CAPTURE',
        `The step cannot be captured: its result ${path} came from elsewhere the second time.`,
      );
  }
  return undefined;
}

/** Runs a function and puts its tensors where the step's own would be. */
function rebuild<S extends TensorTree, O extends TensorTree>(
  { function: made, template }: Entry<S, O>,
  args: readonly tf.Tensor[],
): { state: S; outputs: O } {
  const { result, values, at } = template;
  const computed = made.run(args);
  let next = 0;
  const tensors = values.map((value) => {
    if (value.kind === 'argument') return args[value.index]!;
    if (value.kind === 'external') return made.external(value.index).clone();
    return computed[next++]!;
  });
  return mapTree(result as unknown as TensorTree, (_, path) => tensors[at.get(path)!]!) as unknown as {
    state: S;
    outputs: O;
  };
}
