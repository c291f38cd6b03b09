import { VlltrError } from '../../errors.js';
import { tf } from '../tf.js';
import { leaves, mapTree, type TensorTree } from '../tree.js';
import { same } from './compare.js';
import type { StepFunction } from './function.js';
import type { Recorder } from './recorder.js';
import type { Value } from './tape.js';

/** What a step returns. */
export type StepResult<S extends TensorTree, O extends TensorTree> = { state: S; outputs: O };

/** Where a tensor of the result comes from. */
interface Source {
  readonly value: Value;
  /** The argument that it is; undefined for another tensor, be it on an argument's data. */
  readonly argument?: number;
}

/** How the result of a step is put together from what its function returns. */
export interface Template<S extends TensorTree, O extends TensorTree> {
  /** The trees; their tensors, which are disposed, stand for their places. */
  readonly result: StepResult<S, O>;
  /** Of each distinct tensor of the result. */
  readonly sources: readonly Source[];
  /** Index into `sources` by the leaf's path. */
  readonly at: ReadonlyMap<string, number>;
}

/** Reads off the result of a step under recording where each of its tensors comes from. */
export function templateOf<S extends TensorTree, O extends TensorTree>(
  { state, outputs }: StepResult<S, O>,
  args: readonly tf.Tensor[],
  recorder: Recorder,
): Template<S, O> {
  const sources: Source[] = [];
  const at = new Map<string, number>();
  const seen = new Map<number, number>();
  for (const [path, tensor] of leaves({ state, outputs })) {
    let index = seen.get(tensor.id);
    if (index === undefined) {
      const argument = args.findIndex(({ id }) => id === tensor.id);
      index = sources.push({ value: recorder.valueOf(tensor), argument: argument < 0 ? undefined : argument }) - 1;
      seen.set(tensor.id, index);
    }
    at.set(path, index);
  }
  return { result: { state, outputs }, sources, at };
}

/** What a function must return for a template: the values that are neither arguments nor from outside. */
export const computed = ({ sources }: { sources: readonly Source[] }): Value[] =>
  sources.map(({ value }) => value).filter(({ kind }) => kind === 'op' || kind === 'constant');

/** The first tensor that came from elsewhere in the second recording. */
export function resultDifference<S extends TensorTree, O extends TensorTree>(
  first: Template<S, O>,
  second: Template<S, O>,
): VlltrError | undefined {
  for (const path of new Set([...first.at.keys(), ...second.at.keys()])) {
    const [a, b] = [first, second].map(({ sources, at }) => sources[at.get(path) ?? -1]);
    if (!a || !b || a.argument !== b.argument || !same(a.value, b.value))
      return new VlltrError(
        'ERR_CAPTURE',
        `The step cannot be captured: its result ${path} came from elsewhere the second time.`,
      );
  }
  return undefined;
}

/** Puts what a function returned where the step's own tensors would be. */
export function rebuild<S extends TensorTree, O extends TensorTree>(
  { result, sources, at }: Template<S, O>,
  made: StepFunction,
  args: readonly tf.Tensor[],
  returned: readonly tf.Tensor[],
): StepResult<S, O> {
  let next = 0;
  const tensors = sources.map(({ value, argument }) => {
    if (argument !== undefined) return args[argument]!;
    if (value.kind === 'argument') return args[value.index]!.clone();
    if (value.kind === 'external') return made.external(value.index).clone();
    return returned[next++]!;
  });
  const place = (_: tf.Tensor, path: string): tf.Tensor => tensors[at.get(path)!]!;
  return { state: mapTree(result.state, place, 'state'), outputs: mapTree(result.outputs, place, 'outputs') };
}

/** Runs a step for what `use` makes of its result; no tensor of it stays. */
export function passing<R, T>(step: () => R, use: (result: R) => T): T {
  const born = tf.tidy(() => tf.scalar(0).id);
  let made: T | undefined;
  tf.tidy(() => {
    const result = step();
    try {
      made = use(result);
    } finally {
      // What the step kept outlives the scope; tensors from outside are not the step's to dispose.
      for (const [, tensor] of leaves(Object(result) as TensorTree))
        if (tensor.id > born && !tensor.isDisposed) tensor.dispose();
    }
  });
  return made as T;
}
