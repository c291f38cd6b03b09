import type { OpAttribute, TensorFlowBinding } from '../tensorflow.js';
import type { TapeConstant } from './tape.js';

/** An op that was traced: what it was given and what it gives, by ids of tensors. */
export interface TracedOp {
  readonly index: number;
  readonly name: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Where a traced tensor comes from. */
export type Source =
  | { readonly kind: 'argument'; readonly id: number }
  | { readonly kind: 'constant'; readonly constant: TapeConstant }
  | { readonly kind: 'op'; readonly op: TracedOp };

/**
 * Computes traced tensors after all, op by op: those that a step which cannot be captured reads, or holds on to. It then
 * goes on as if nothing had been traced.
 */
export class Replay {
  /** Ids of TensorFlow's by the ids of traced tensors. */
  readonly #computed = new Map<number, number>();
  /** Those of them that were made here. */
  readonly #owned = new Set<number>();

  constructor(
    private readonly binding: TensorFlowBinding,
    /** By id; of TensorFlow's own tensors there is none. */
    private readonly sources: ReadonlyMap<number, Source>,
  ) {}

  /** The id of TensorFlow's tensor that a traced one stands for; other ids are TensorFlow's already. */
  id(id: number): number {
    if (!this.sources.has(id)) return id;
    if (!this.#computed.has(id)) for (const op of this.#needed(id)) this.#compute(op);
    return this.#computed.get(id)!;
  }

  /**
   * As `id`; the tensor is the caller's from now on.
   * @param dtype TF_DataType
   */
  take(id: number, dtype: number): number {
    const taken = this.id(id);
    if (this.#owned.delete(taken)) return taken;
    // An argument, which has an owner: another tensor on its data.
    const type = { name: 'T', type: this.binding.TF_ATTR_TYPE, value: dtype };
    return this.binding.executeOp('Identity', [type], [taken], 1)[0]!.id;
  }

  /** Frees what was computed and not taken. */
  dispose(): void {
    for (const id of this.#owned) this.binding.deleteTensor(id);
  }

  /** The sources that a tensor hangs on and that are not computed yet, in the order in which they were traced. */
  #needed(id: number): [number, Source][] {
    const found = new Map<number, Source>();
    const queue = [id];
    for (const next of queue) {
      const source = this.sources.get(next);
      if (!source || found.has(next) || this.#computed.has(next)) continue;
      found.set(next, source);
      if (source.kind === 'op') queue.push(...source.op.inputs);
    }
    const order = ([, source]: [number, Source]): number => (source.kind === 'op' ? source.op.index : -1);
    return [...found].sort((a, b) => order(a) - order(b));
  }

  #compute([id, source]: [number, Source]): void {
    if (this.#computed.has(id)) return; // another output of the same op
    if (source.kind === 'argument') this.#computed.set(id, source.id);
    else if (source.kind === 'constant') {
      const { shape, dtype, values } = source.constant;
      this.#put(id, this.binding.createTensor([...shape], dtype, values));
    } else {
      const { name, attributes, inputs, outputs } = source.op;
      const given = inputs.map((input) => this.#computed.get(input) ?? input);
      const made = this.binding.executeOp(name, [...attributes], given, outputs.length);
      made.forEach((tensor, i) => {
        this.#put(outputs[i]!, tensor.id);
      });
    }
  }

  #put(id: number, computed: number): void {
    this.#computed.set(id, computed);
    this.#owned.add(computed);
  }
}
