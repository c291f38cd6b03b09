import { randomBytes } from 'node:crypto';
import type { FunctionDefinition } from '../../../bindings/addon.js';
import { loadAddon } from '../../../bindings/load.js';
import { VlltrError } from '../../errors.js';
import { loadedBinding, type TensorFlowBackend } from '../tensorflow.js';
import { tf } from '../tf.js';
import type { Recorder } from './recorder.js';
import { describe, nodeName, type TapeOp, type Value } from './tape.js';

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
  constructor(label: string, { graph, tape }: Recorder, results: readonly Value[], options: FunctionOptions) {
    this.#backend = tf.backend() as TensorFlowBackend;
    this.#binding = loadedBinding()!;
    this.#name = `vlltr_${label.replaceAll(/\W/g, '_')}_${COPY}_${++made}`;
    this.#ops = tape.ops;
    this.#results = results.length;
    // Kept for as long as the function is: its owner may dispose it, or forget it.
    this.#externals = tape.externals.map(({ info }) => hold(this.#backend, info));
    const definition: FunctionDefinition = {
      name: this.#name,
      results: results.map(({ number }) => number),
      compile: options.xla,
      config: options.config,
    };
    try {
      loadAddon().defineFunction(this.#binding, graph.id, definition);
    } catch (error) {
      this.#release();
      throw this.#explained(error, 'ERR_CAPTURE', 'The step cannot be captured: ');
    }
  }

  /**
   * Runs the function; the caller owns the tensors.
   * @param first the first time: if it fails, TensorFlow cannot make a function of the step
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
      if (!op || nodeName(op.name, Number(index), op.origin) !== name) continue;
      const said = `${prefix}${message} (${op.name}: ${describe(op.origin())})`;
      return new VlltrError(code, said, { cause: error });
    }
    return new VlltrError(code, prefix + message, { cause: error });
  }
}

/** Another tensor on the same data, outside all scopes. */
function hold(backend: TensorFlowBackend, { dataId, shape, dtype }: tf.TensorInfo): tf.Tensor {
  backend.incRef(dataId);
  return tf.keep(tf.engine().makeTensorFromDataId(dataId, shape, dtype));
}
