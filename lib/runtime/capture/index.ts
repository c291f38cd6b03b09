import { VlltrError } from '../../errors.js';
import { hasTensorFlow } from '../fused.js';
import { withKernels } from '../ready.js';
import { loadedBinding, type TensorFlowBackend } from '../tensorflow.js';
import { tf } from '../tf.js';
import { leaves, mapTree, type TensorTree } from '../tree.js';
import { difference, same } from './compare.js';
import { StepFunction } from './function.js';
import { type Precision, precisionConfig } from './precision.js';
import { Recorder, type Tape, type Value } from './tape.js';

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
 * Makes a step one TensorFlow function. The first two calls of every signature of shapes run op by op and are recorded;
 * what differs between the recordings is an error, since a function would freeze it. From the third on TensorFlow runs
 * the whole step at once, fused and in parallel, on the tensors that TensorFlow.js holds: nothing is copied, results
 * are tensors like any others. Results do not carry gradients. Without backend `tensorflow` and the addon the step runs
 * op by op.
 *
 * A tensor that the step uses without being given it (frozen parameters) is kept by the function and must be the same
 * in every call; what is made inside from numbers becomes a constant. What changes only later than the second call
 * cannot be noticed: make the step pure.
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

let recording = false;

/** One signature: recorded once, then a function. */
interface Entry<S extends TensorTree, O extends TensorTree> {
  first?: { tape: Tape; template: Template<S, O> };
  function?: StepFunction;
  template?: Template<S, O>;
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
    if (this.#failed || recording || !hasTensorFlow() || !loadedBinding()) return this.step(state, inputs);
    const named = [...leaves(state, 'state/'), ...leaves(inputs, 'inputs/')];
    const args = named.map(([, tensor]) => tensor);
    const backend = tf.backend() as TensorFlowBackend;
    const key = signature(named, backend.getInputTensorIds(args));
    const entry = this.#entries.get(key) ?? {};
    this.#entries.delete(key); // the last one used is the last of the map
    this.#entries.set(key, entry);
    if (entry.function) return rebuild(entry.function, entry.template!, args);
    try {
      return this.#record(backend, entry, args, state, inputs);
    } finally {
      this.#evict();
    }
  }

  dispose(): void {
    for (const { function: made } of this.#entries.values()) made?.dispose();
    this.#entries.clear();
  }

  #record(backend: TensorFlowBackend, entry: Entry<S, O>, args: tf.Tensor[], state: S, inputs: I) {
    const { onFailure, xla = false, name = 'step' } = this.options;
    const recorder = new Recorder(backend, args, !onFailure);
    recording = true;
    let template: Template<S, O>;
    let result: { state: S; outputs: O };
    try {
      [result, template] = recorder.run(() => {
        const run = () => this.step(state, inputs);
        const result = tf.tidy(() => (xla ? withKernels('tfjs', run) : run()));
        return [result, templateOf(result, recorder)] as const;
      });
    } finally {
      recording = false;
    }
    try {
      if (recorder.failure) throw recorder.failure;
      const { tape } = recorder;
      if (!entry.first) {
        entry.first = { tape, template };
        return result;
      }
      const differs = difference(entry.first.tape, tape) ?? resultDifference(entry.first.template, template);
      if (differs) throw differs;
      const results = template.values.filter(isComputed);
      entry.function = new StepFunction(backend, name, args, tape, results, { config: this.#config, xla });
      entry.template = template;
      entry.first = undefined;
    } catch (error) {
      if (!onFailure || !(error instanceof VlltrError)) {
        tf.dispose(
          leaves(result)
            .map(([, tensor]) => tensor)
            .filter((tensor) => !args.includes(tensor)),
        );
        throw error;
      }
      this.#failed = true;
      this.dispose();
      onFailure(error);
    }
    return result;
  }

  #evict(): void {
    for (const [key, { function: made }] of this.#entries) {
      if (this.#entries.size <= this.#limit) return;
      made?.dispose();
      this.#entries.delete(key);
    }
  }
}

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
  made: StepFunction,
  { result, values, at }: Template<S, O>,
  args: readonly tf.Tensor[],
): { state: S; outputs: O } {
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
