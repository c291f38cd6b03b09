import { randomBytes } from 'node:crypto';
import type { FunctionDefinition } from '../../../bindings/addon.js';
import { loadAddon } from '../../../bindings/load.js';
import { VlltrError } from '../../errors.js';
import { loadedBinding, type TensorFlowBackend } from '../tensorflow.js';
import { tf } from '../tf.js';
import { describe, type Tape, type TapeOp, type Value } from './tape.js';

/** How a function is compiled. */
export interface FunctionOptions {
  /** A serialised ConfigProto; empty: TensorFlow's defaults. */
  config: Uint8Array;
  /** By XLA. */
  xla: boolean;
}

// Of this copy of the package: another in the same process adds its functions to the same context.
const COPY = randomBytes(3).toString('hex');
let made = 0;

/** A tape as one TensorFlow function, in the context that holds TensorFlow.js's own tensors. */
export class StepFunction {
  readonly #name: string;
  readonly #backend: TensorFlowBackend;
  readonly #binding: string;
  readonly #ops: readonly TapeOp[];
  readonly #externals: tf.Tensor[];
  readonly #results: number;

  /**
   * @param results what the function returns: constants and outputs of ops
   * @throws VlltrError ERR_CAPTURE naming the op that a function cannot take
   */
  constructor(
    label: string,
    args: readonly tf.Tensor[],
    tape: Tape,
    results: readonly Value[],
    options: FunctionOptions,
  ) {
    this.#backend = tf.backend() as TensorFlowBackend;
    this.#binding = loadedBinding()!;
    this.#name = `vlltr_${label.replaceAll(/\W/g, '_')}_${COPY}_${++made}`;
    this.#ops = tape.ops;
    this.#results = results.length;
    // Kept for as long as the function is: its owner may dispose it, or forget it.
    this.#externals = tape.externals.map(({ info }) => hold(this.#backend, info));
    try {
      this.#define(args, tape, results, options);
    } catch (error) {
      this.#release();
      throw this.#explained(error, 'ERR_CAPTURE', 'The step cannot be captured: ');
    }
  }

  #define(args: readonly tf.Tensor[], tape: Tape, results: readonly Value[], options: FunctionOptions): void {
    const inputs = [...args, ...this.#externals];
    const number = numbering(args.length, tape);
    const definition: FunctionDefinition = {
      name: this.#name,
      arguments: inputs.map(({ dtype, shape }) => ({ dtype: dataType(this.#backend, dtype), shape })),
      constants: tape.constants,
      ops: tape.ops.map((op, i) => ({
        name: nodeName(op, i),
        op: op.name,
        attributes: op.attributes,
        inputs: op.inputs.map(number),
        outputs: op.outputs,
      })),
      results: results.map(number),
      compile: options.xla,
      config: options.config,
    };
    loadAddon().defineFunction(this.#binding, definition);
  }

  /**
   * Runs the function; the caller owns the tensors.
   * @param first on the values that it was recorded with: if it fails, TensorFlow cannot make a function of the step
   * @throws VlltrError ERR_NATIVE (the first time ERR_CAPTURE) naming the op that failed
   */
  run(args: readonly tf.Tensor[], first = false): tf.Tensor[] {
    const ids = this.#backend.getInputTensorIds([...args, ...this.#externals]);
    try {
      const outputs = this.#backend.binding.executeOp(this.#name, [], ids, this.#results);
      return outputs.map((metadata) => this.#backend.createOutputTensor(metadata));
    } catch (error) {
      if (first) throw this.#explained(error, 'ERR_CAPTURE', 'The step cannot be captured, its function fails: ');
      throw this.#explained(error, 'ERR_NATIVE', 'The captured step failed: ');
    }
  }

  /** External `index`, for a result that is one. */
  external(index: number): tf.Tensor {
    return this.#externals[index]!;
  }

  dispose(): void {
    this.#release();
    loadAddon().removeFunction(this.#binding, this.#name);
  }

  #release(): void {
    tf.dispose(this.#externals);
  }

  /** TensorFlow speaks of nodes: says which op of TensorFlow.js a node is, and where it was called. */
  #explained(error: unknown, code: 'ERR_CAPTURE' | 'ERR_NATIVE', prefix: string): VlltrError {
    const message = error instanceof Error ? error.message : String(error);
    for (const [name, index] of message.matchAll(/[\w-]+\.(\d+)\b/g)) {
      const op = this.#ops[Number(index)];
      if (!op || nodeName(op, Number(index)) !== name) continue;
      const said = `${prefix}${message} (${op.name}: ${describe(op.origin())})`;
      return new VlltrError(code, said, { cause: error });
    }
    return new VlltrError(code, prefix + message, { cause: error });
  }
}

/** `conv2d.12`: what TensorFlow's errors call op 12. */
const nodeName = (op: TapeOp, index: number): string => `${op.origin().op ?? op.name}.${index}`;

/** Numbers values as the addon has them: arguments, then tensors from outside, then constants, then outputs of ops. */
function numbering(args: number, tape: Tape): (value: Value) => number {
  const constants = args + tape.externals.length;
  let next = constants + tape.constants.length;
  const first = tape.ops.map(({ outputs }) => {
    next += outputs;
    return next - outputs;
  });
  return (value) => {
    if (value.kind === 'argument') return value.index;
    if (value.kind === 'external') return args + value.index;
    if (value.kind === 'op') return first[value.index]! + value.output;
    return constants + value.index;
  };
}

function dataType({ binding }: TensorFlowBackend, dtype: tf.DataType): number {
  const known: Partial<Record<tf.DataType, number>> = {
    float32: binding.TF_FLOAT,
    int32: binding.TF_INT32,
    bool: binding.TF_BOOL,
  };
  const type = known[dtype];
  if (type === undefined)
    throw new VlltrError('ERR_CAPTURE', `a tensor from outside is ${dtype}; expected float32, int32 or bool`);
  return type;
}

/** Another tensor on the same data, outside all scopes. */
function hold(backend: TensorFlowBackend, { dataId, shape, dtype }: tf.TensorInfo): tf.Tensor {
  backend.incRef(dataId);
  return tf.keep(tf.engine().makeTensorFromDataId(dataId, shape, dtype));
}
