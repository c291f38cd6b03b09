import type { OutputType, TensorType } from '../../../bindings/addon.js';
import { loadAddon } from '../../../bindings/load.js';
import type { OpAttribute } from '../tensorflow.js';
import type { TapeConstant } from './tape.js';

/** The graph of a function while it grows: TensorFlow infers shapes in it and computes nothing. */
export class FunctionGraph {
  readonly #addon = loadAddon();
  readonly id = this.#addon.newFunctionGraph();
  #size = 0;

  /** @returns the argument's number. @throws VlltrError ERR_NATIVE with TensorFlow's words, as all of these do */
  argument(type: TensorType): number {
    this.#addon.addFunctionArgument(this.id, type);
    return this.#size++;
  }

  constant({ dtype, shape, values }: TapeConstant): number {
    this.#addon.addFunctionConstant(this.id, { dtype, shape, values });
    return this.#size++;
  }

  /** @returns the number of the first output, and what all of them will be */
  op(op: {
    name: string;
    op: string;
    attributes: readonly OpAttribute[];
    inputs: readonly number[];
    outputs: number;
  }): { first: number; types: OutputType[] } {
    const types = this.#addon.addFunctionOp(this.id, op);
    const first = this.#size;
    this.#size += types.length;
    return { first, types };
  }

  /** The functions made of it stay. */
  dispose(): void {
    this.#addon.deleteFunctionGraph(this.id);
  }
}
