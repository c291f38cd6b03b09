import { VlltrError } from '../../errors.js';
import { isCalledByName } from '../fused.js';
import { COMPUTED_OUTSIDE, isReadOutside } from '../outside.js';
import type { TensorFlowBackend, TensorFlowBinding, TensorMetadata } from '../tensorflow.js';
import { tf } from '../tf.js';
import { FunctionGraph } from './graph.js';
import { type Origin, originHere, withDeepStacks } from './origin.js';
import { Replay, type Source } from './replay.js';
import {
  describe,
  type External,
  nodeName,
  type Read,
  type Tape,
  type TapeConstant,
  type TapeOp,
  type Value,
} from './tape.js';
import { tracing } from './tracing.js';

/**
 * Traces a step: what TensorFlow.js would hand to TensorFlow becomes a graph, in which TensorFlow infers types and
 * shapes, and a tape. Nothing is computed. All kernels of TensorFlow.js pass through two methods of the binding,
 * `executeOp` and `createTensor`; while `run` runs they are replaced. Traced tensors have negative ids.
 *
 * Where something cannot be captured, `failure` says so and the rest of the step is computed op by op, with what it needs
 * of what was traced: a step that may fail leaves everything as if it had not been traced.
 */
export class Recorder {
  readonly graph = new FunctionGraph();
  /** Why the step cannot be captured, if it cannot. */
  failure: VlltrError | undefined;

  readonly #backend: TensorFlowBackend;
  readonly #binding: TensorFlowBinding;
  readonly #replay: Replay;
  /** By id: of every tensor that the step has met, and where traced ones come from. */
  readonly #values = new Map<number, Value>();
  readonly #sources = new Map<number, Source>();
  /** Data of traced tensors. */
  readonly #data = new Map<object, number>();
  /** Traced tensors of a shape that TensorFlow cannot infer: for ops that are called by name alone. */
  readonly #shapeless = new Set<number>();
  readonly #entries: (TapeConstant | TapeOp)[] = [];
  readonly #ops: TapeOp[] = [];
  readonly #externals: External[] = [];
  readonly #reads: Read[] = [];
  /** TensorFlow's own tensors that were disposed meanwhile: freed at the end, since a replay may need them. */
  readonly #disposed: number[] = [];
  /** Where data whose values are JavaScript's was made during the recording; all other comes from outside. */
  readonly #fresh = new WeakMap<object, () => Origin>();
  /** Of the tensor that is being handed to TensorFlow: `'outside'`, or where it was made. */
  #handing: 'outside' | (() => Origin) | undefined;
  #lastId = -1;

  constructor(backend: TensorFlowBackend) {
    this.#backend = backend;
    this.#binding = backend.binding;
    this.#replay = new Replay(this.#binding, this.#sources);
  }

  get tape(): Tape {
    return {
      entries: this.#entries,
      ops: this.#ops,
      externals: this.#externals,
      reads: this.#reads,
    };
  }

  /**
   * Traces what `f` does with tensors that stand for the arguments; arguments on the same data stay so.
   * @param f given those tensors, which are disposed afterwards
   */
  run<T>(args: readonly tf.Tensor[], f: (traced: tf.Tensor[]) => T): T {
    const backend = this.#backend;
    const { getInputTensorIds, move, createOutputTensor } = backend;
    const ids = getInputTensorIds.call(backend, args);
    const replaced = {
      binding: Object.create(this.#binding, {
        executeOp: { value: this.#executeOp },
        createTensor: { value: this.#createTensor },
        tensorDataSync: { value: this.#tensorDataSync },
        deleteTensor: { value: (id: number) => this.#disposed.push(id) },
      }),
      move: (dataId: object, ...rest: [unknown, number[], tf.DataType, number]) => {
        // Data that is known already comes over from another backend.
        if (!tf.engine().state.tensorInfo.has(dataId)) this.#fresh.set(dataId, originHere());
        move.call(backend, dataId, ...rest);
      },
      getInputTensorIds: (tensors: readonly tf.TensorInfo[]) =>
        this.#ids(tensors, (list) => getInputTensorIds.call(backend, list)),
      createOutputTensor: (metadata: TensorMetadata) => {
        const tensor = createOutputTensor.call(backend, metadata);
        if (this.#sources.has(metadata.id)) this.#data.set(tensor.dataId, metadata.id);
        return tensor;
      },
    };
    try {
      return tracing(backend, replaced, () => {
        const traced = this.#arguments(args, ids);
        try {
          return withDeepStacks(() => f(traced));
        } finally {
          for (const tensor of traced) tensor.dispose();
        }
      });
    } finally {
      this.#settle();
    }
  }

  /** The value that a tensor is. Inside `run`. */
  valueOf(tensor: tf.Tensor): Value {
    return this.#values.get(this.#backend.getInputTensorIds([tensor])[0]!)!;
  }

  #arguments(args: readonly tf.Tensor[], ids: readonly number[]): tf.Tensor[] {
    const known = new Map<number, tf.Tensor>();
    return args.map(({ shape, dtype }, index) => {
      const type = { dtype: dataType(this.#binding, dtype)!, shape };
      const number = this.graph.argument(type);
      const same = known.get(ids[index]!);
      if (same) return same.clone(); // what was one tensor under two names stays one
      const id = this.#newId({ kind: 'argument', index, number }, { kind: 'argument', id: ids[index]! });
      const tensor = this.#backend.createOutputTensor({ id, ...type, shape: [...shape] });
      known.set(ids[index]!, tensor);
      return tensor;
    });
  }

  #newId(value: Value, source: Source): number {
    const id = --this.#lastId;
    this.#values.set(id, value);
    this.#sources.set(id, source);
    return id;
  }

  #ids(tensors: readonly tf.TensorInfo[], plain: (tensors: readonly tf.TensorInfo[]) => number[]): number[] {
    for (const tensor of tensors) {
      if (!tensor.dataId) continue;
      this.#handing = this.#fresh.get(tensor.dataId) ?? 'outside'; // made before the step: no constant of it
      try {
        const [id] = plain([tensor]);
        if (this.#sources.has(id!)) this.#data.set(tensor.dataId, id!);
      } finally {
        this.#handing = undefined;
      }
    }
    const ids = plain(tensors);
    ids.forEach((id, i) => {
      if (!this.failure && !this.#values.has(id)) this.#external(id, tensors[i]!);
    });
    return ids;
  }

  #external(id: number, { dataId, shape, dtype }: tf.TensorInfo): void {
    const type = dataType(this.#binding, dtype);
    if (type === undefined) {
      this.#refuse(`a tensor from outside is ${dtype}; expected float32, int32 or bool`);
      return;
    }
    const number = this.graph.argument({ dtype: type, shape });
    this.#values.set(id, { kind: 'external', index: this.#externals.length, number });
    this.#externals.push({ id, info: { dataId, shape: [...shape], dtype } });
  }

  readonly #executeOp: TensorFlowBinding['executeOp'] = (name, attributes, inputs, count) => {
    const made = this.failure ? undefined : this.#trace(name, attributes, inputs, count);
    if (made) return made;
    const given = inputs.map((id) => this.#replay.id(id));
    return this.#binding.executeOp(name, attributes, given, count);
  };

  /** Adds an op to the graph and the tape. @returns undefined, and notes why, where it cannot be */
  #trace(...[name, given, inputs, count]: Parameters<TensorFlowBinding['executeOp']>): TensorMetadata[] | undefined {
    const origin = originHere();
    const values = inputs.map((id) => this.#values.get(id));
    if (!values.every((value) => value !== undefined)) {
      this.#fail(`gives ${name} a tensor that did not come from TensorFlow.js (${describe(origin())})`);
      return undefined;
    }
    // TensorFlow.js computes with shapes: they would be frozen too.
    const refuseShape = (of: 'gives' | 'takes from'): undefined =>
      this.#fail(`${of} ${name} a tensor whose shape depends on values (${describe(origin())})`);
    if (!isCalledByName() && inputs.some((id) => this.#shapeless.has(id))) return refuseShape('gives');
    const attributes = given.map((a) => ({ ...a, value: Array.isArray(a.value) ? [...a.value] : a.value }));
    const index = this.#ops.length;
    let added: ReturnType<FunctionGraph['op']>;
    try {
      added = this.graph.op({
        name: nodeName(name, index, origin),
        op: name,
        attributes,
        inputs: values.map(({ number }) => number),
        outputs: count,
      });
    } catch (error) {
      this.#refuse(`${(error as Error).message} (${name}: ${describe(origin())})`, error);
      return undefined;
    }
    if (!isCalledByName() && added.types.some(({ shape }) => !shape)) return refuseShape('takes from');
    const ids = added.types.map(() => --this.#lastId);
    const source: Source = { kind: 'op', op: { index, name, attributes, inputs: [...inputs], outputs: ids } };
    ids.forEach((id, output) => {
      this.#values.set(id, { kind: 'op', index, output, number: added.first + output });
      this.#sources.set(id, source);
    });
    const op: TapeOp = { kind: 'op', name, attributes, inputs: values, outputs: count, origin };
    this.#ops.push(op);
    this.#entries.push(op);
    return added.types.map(({ dtype, shape }, i) => {
      if (!shape) this.#shapeless.add(ids[i]!);
      // A size that no tensor has, and that goes out of TensorFlow.js's count of bytes as it came in.
      return { id: ids[i]!, dtype, shape: shape ?? [-1] };
    });
  }

  readonly #createTensor: TensorFlowBinding['createTensor'] = (shape, dtype, values) => {
    const origin = this.#handing === 'outside' ? undefined : (this.#handing ?? originHere());
    if (origin && !ArrayBuffer.isView(values)) this.#fail(`makes a tensor of strings (${describe(origin())})`);
    if (!origin || this.failure) return this.#binding.createTensor(shape, dtype, values);
    // A copy: the step may go on with its array.
    const copied = (values as Float32Array).slice();
    const constant: TapeConstant = { kind: 'constant', dtype, shape: [...shape], values: copied, origin };
    const value: Value = { kind: 'constant', index: this.#entries.length, number: this.graph.constant(constant) };
    this.#entries.push(constant);
    return this.#newId(value, { kind: 'constant', constant });
  };

  readonly #tensorDataSync: TensorFlowBinding['tensorDataSync'] = (id) => {
    const value = this.#values.get(id);
    const origin = originHere();
    if (value?.kind === 'op' || value?.kind === 'argument') {
      if (isReadOutside()) this.failure ??= computedOutside();
      const made = value.kind === 'op' ? `what ${this.#ops[value.index]!.name} gave` : 'an argument';
      this.#fail(
        `reads ${made} back (${describe(origin())}): what follows from its values would be frozen at those of one ` +
          'call; compute with tensors, or give the value as an input',
      );
    }
    // What is the same in every call may be read.
    if (value?.kind !== 'constant') this.#reads.push({ id, origin });
    return this.#binding.tensorDataSync(this.#replay.id(id));
  };

  /** Computes what outlives the recording, and frees what does not. */
  #settle(): void {
    const { tensorMap } = this.#backend;
    for (const [dataId, id] of this.#data) {
      if (!tensorMap.has(dataId)) continue;
      const info = tensorMap.get(dataId);
      info.id = this.#replay.take(id, info.dtype);
    }
    this.#replay.dispose();
    for (const id of this.#disposed) this.#binding.deleteTensor(id);
  }

  #fail(what: string): undefined {
    this.#refuse(`it ${what}.`);
  }

  #refuse(why: string, cause?: unknown): void {
    this.failure ??= new VlltrError('ERR_CAPTURE', `The step cannot be captured: ${why}`, { cause });
  }
}

const computedOutside = (): VlltrError =>
  new VlltrError('ERR_CAPTURE', `${COMPUTED_OUTSIDE}, so the step cannot be captured`);

/** TF_DataType, or undefined for a type that a function is not given. */
function dataType(binding: TensorFlowBinding, dtype: tf.DataType): number | undefined {
  const known: Partial<Record<tf.DataType, number>> = {
    float32: binding.TF_FLOAT,
    int32: binding.TF_INT32,
    bool: binding.TF_BOOL,
  };
  return known[dtype];
}
