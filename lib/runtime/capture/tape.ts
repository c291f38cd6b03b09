import { VlltrError } from '../../errors.js';
import type { OpAttribute, TensorFlowBackend, TensorFlowBinding } from '../tensorflow.js';
import type { tf } from '../tf.js';
import { type Origin, originHere, withDeepStacks } from './origin.js';

/** A value on a tape: an argument of the step, a tensor from outside, a constant, or output `output` of an op. */
export type Value =
  | { readonly kind: 'argument' | 'external' | 'constant'; readonly index: number }
  | { readonly kind: 'op'; readonly index: number; readonly output: number };

export interface TapeConstant {
  readonly kind: 'constant';
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly values: Uint8Array;
  readonly origin: () => Origin;
}

export interface TapeOp {
  readonly kind: 'op';
  readonly name: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly Value[];
  readonly outputs: number;
  readonly origin: () => Origin;
}

/** A tensor that the step uses without being given it: frozen parameters, a mask made before. */
export interface External {
  readonly id: number;
  readonly info: tf.TensorInfo;
}

/** A tensor from outside whose values the step reads. */
export interface Read {
  readonly id: number;
  readonly origin: () => Origin;
}

/** Everything that TensorFlow did for one call of a step, in order. */
export interface Tape {
  readonly entries: readonly (TapeConstant | TapeOp)[];
  readonly constants: readonly TapeConstant[];
  readonly ops: readonly TapeOp[];
  readonly externals: readonly External[];
  readonly reads: readonly Read[];
}

/**
 * Records what TensorFlow.js hands to TensorFlow. All its kernels pass through two methods of the binding, `executeOp`
 * and `createTensor`; while `run` runs they are replaced by ones that also write a tape.
 */
export class Recorder {
  readonly #backend: TensorFlowBackend;
  readonly #binding: TensorFlowBinding;
  readonly #values = new Map<number, Value>();
  readonly #entries: (TapeConstant | TapeOp)[] = [];
  readonly #constants: TapeConstant[] = [];
  readonly #ops: TapeOp[] = [];
  readonly #externals: External[] = [];
  readonly #reads: Read[] = [];
  /** Where data whose values are JavaScript's was made during the recording; all other comes from outside. */
  readonly #fresh = new WeakMap<object, () => Origin>();
  /** Of the tensor that is being handed to TensorFlow: `'outside'`, or where it was made. */
  #handing: 'outside' | (() => Origin) | undefined;

  constructor(backend: TensorFlowBackend, args: readonly tf.Tensor[]) {
    this.#backend = backend;
    this.#binding = backend.binding;
    backend.getInputTensorIds(args).forEach((id, index) => {
      if (!this.#values.has(id)) this.#values.set(id, { kind: 'argument', index });
    });
  }

  /** Why the step cannot be captured, if it cannot: noted, so that the step runs to its end and frees what it made. */
  failure: VlltrError | undefined;

  get tape(): Tape {
    return {
      entries: this.#entries,
      constants: this.#constants,
      ops: this.#ops,
      externals: this.#externals,
      reads: this.#reads,
    };
  }

  run<T>(f: () => T): T {
    const backend = this.#backend;
    const { getInputTensorIds, move } = backend;
    const restore = replace(backend, {
      binding: Object.create(this.#binding, {
        executeOp: { value: this.#executeOp },
        createTensor: { value: this.#createTensor },
        tensorDataSync: { value: this.#tensorDataSync },
      }),
      move: (dataId: object, ...rest: [unknown, number[], tf.DataType, number]) => {
        this.#fresh.set(dataId, originHere());
        move.call(backend, dataId, ...rest);
      },
      getInputTensorIds: (tensors: readonly tf.TensorInfo[]) =>
        this.#ids(tensors, (list) => getInputTensorIds.call(backend, list)),
    });
    try {
      return withDeepStacks(f);
    } finally {
      restore();
    }
  }

  /** The value that a tensor is. Inside `run`. */
  valueOf(tensor: tf.Tensor): Value {
    return this.#values.get(this.#backend.getInputTensorIds([tensor])[0]!)!;
  }

  #ids(tensors: readonly tf.TensorInfo[], plain: (tensors: readonly tf.TensorInfo[]) => number[]): number[] {
    for (const tensor of tensors) {
      if (!tensor.dataId) continue;
      this.#handing = this.#fresh.get(tensor.dataId) ?? 'outside'; // made before the step: no constant of it
      try {
        plain([tensor]);
      } finally {
        this.#handing = undefined;
      }
    }
    const ids = plain(tensors);
    ids.forEach((id, i) => {
      if (this.#values.has(id)) return;
      const { dataId, shape, dtype } = tensors[i]!;
      this.#values.set(id, { kind: 'external', index: this.#externals.length });
      this.#externals.push({ id, info: { dataId, shape: [...shape], dtype } });
    });
    return ids;
  }

  readonly #executeOp: TensorFlowBinding['executeOp'] = (name, attributes, inputs, count) => {
    const origin = originHere();
    const made = this.#binding.executeOp(name, attributes, inputs, count);
    const index = this.#ops.length;
    const op: TapeOp = {
      kind: 'op',
      name,
      attributes: attributes.map((a) => ({ ...a, value: Array.isArray(a.value) ? [...a.value] : a.value })),
      inputs: inputs.map((id) => this.#values.get(id) ?? this.#unknown(name, origin)),
      outputs: made.length,
      origin,
    };
    this.#ops.push(op);
    this.#entries.push(op);
    made.forEach(({ id }, output) => {
      this.#values.set(id, { kind: 'op', index, output });
    });
    return made;
  };

  readonly #createTensor: TensorFlowBinding['createTensor'] = (shape, dtype, values) => {
    const id = this.#binding.createTensor(shape, dtype, values);
    if (this.#handing === 'outside') return id;
    const origin = this.#handing ?? originHere();
    if (!ArrayBuffer.isView(values)) this.#fail(`makes a tensor of strings (${describe(origin())})`);
    const constant: TapeConstant = {
      kind: 'constant',
      dtype,
      shape: [...shape],
      values: ArrayBuffer.isView(values)
        ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice()
        : new Uint8Array(),
      origin,
    };
    this.#values.set(id, { kind: 'constant', index: this.#constants.length });
    this.#constants.push(constant);
    this.#entries.push(constant);
    return id;
  };

  readonly #tensorDataSync: TensorFlowBinding['tensorDataSync'] = (id) => {
    const value = this.#values.get(id);
    const origin = originHere();
    if (value?.kind === 'op' || value?.kind === 'argument') {
      const made = value.kind === 'op' ? `what ${this.#ops[value.index]!.name} gave` : 'an argument';
      this.#fail(
        `reads ${made} back (${describe(origin())}): what follows from its values would be frozen at those of one ` +
          'call; compute with tensors, or give the value as an input',
      );
    }
    // What is the same in every call may be read.
    if (value?.kind !== 'constant') this.#reads.push({ id, origin });
    return this.#binding.tensorDataSync(id);
  };

  #unknown(op: string, origin: () => Origin): Value {
    this.#fail(`gives ${op} a tensor that did not come from TensorFlow.js (${describe(origin())})`);
    return { kind: 'external', index: -1 };
  }

  #fail(what: string): void {
    this.failure ??= new VlltrError('ERR_CAPTURE', `The step cannot be captured: it ${what}.`);
  }
}

/** `matMul at file:line`. */
export function describe({ op, where }: Origin): string {
  return op ? `${op} at ${where}` : `at ${where}`;
}

/** Replaces properties of an object. @returns what puts them back as they were, own or inherited */
function replace<T extends object>(object: T, properties: Partial<T>): () => void {
  const names = Object.keys(properties) as (keyof T)[];
  const before = names.map((name) => Object.getOwnPropertyDescriptor(object, name));
  Object.assign(object, properties);
  return () =>
    names.forEach((name, i) => {
      if (before[i]) Object.defineProperty(object, name, before[i]);
      else delete object[name];
    });
}
