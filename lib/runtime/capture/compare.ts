import { bytesOf } from '../../bytes.js';
import { VlltrError } from '../../errors.js';
import { describe, type Tape, type TapeConstant, type TapeOp, type Value } from './tape.js';

/**
 * Compares two recordings of a step. Whatever differs between them, though the step was given everything that may
 * change, would silently be frozen in a function made of either.
 * @returns what differs first and where it was made, or undefined
 */
export function difference(first: Tape, second: Tape): VlltrError | undefined {
  const what = firstDifference(first, second);
  if (!what) return undefined;
  return new VlltrError('ERR_CAPTURE', `The step cannot be captured: recorded twice, ${what}. Make it an input.`);
}

function firstDifference(first: Tape, second: Tape): string | undefined {
  const length = Math.max(first.entries.length, second.entries.length);
  for (let i = 0; i < length; i++) {
    const [a, b] = [first.entries[i], second.entries[i]];
    if (!a || !b || a.kind !== b.kind || (a.kind === 'op' && b.kind === 'op' && a.name !== b.name))
      return `it took another course: ${said(a)} the first time, ${said(b)} the second`;
    const differs = a.kind === 'op' ? opDifference(a, b as TapeOp) : constantDifference(a, b as TapeConstant);
    if (differs) return differs;
  }
  for (let i = 0; i < first.externals.length; i++) {
    if (first.externals[i]!.id !== second.externals[i]?.id) return externalDifference(first, i);
  }
  const reads = first.reads.findIndex(({ id }, i) => id !== second.reads[i]?.id);
  if (reads >= 0) return `another tensor was read the second time (${describe(first.reads[reads]!.origin())})`;
  return undefined;
}

const said = (entry: TapeConstant | TapeOp | undefined): string =>
  entry ? `${entry.kind === 'op' ? entry.name : 'a constant'} (${describe(entry.origin())})` : 'nothing more';

function constantDifference(a: TapeConstant, b: TapeConstant): string | undefined {
  const where = describe(b.origin());
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join())
    return `a constant was [${a.shape}] the first time and [${b.shape}] the second (${where})`;
  if (Buffer.compare(bytesOf(a.values), bytesOf(b.values)) === 0) return undefined;
  return `a constant [${a.shape}] had other values the second time (${where})`;
}

function opDifference(a: TapeOp, b: TapeOp): string | undefined {
  const where = describe(b.origin());
  const attributes = (op: TapeOp): Map<string, string> =>
    new Map(op.attributes.map(({ name, value }) => [name, JSON.stringify(value)]));
  const [left, right] = [attributes(a), attributes(b)];
  for (const name of new Set([...left.keys(), ...right.keys()]))
    if (left.get(name) !== right.get(name))
      return `attribute ${name} of ${a.name} was ${left.get(name)} the first time and ${right.get(name)} the second (${where})`;
  if (
    a.outputs !== b.outputs ||
    a.inputs.length !== b.inputs.length ||
    !a.inputs.every((v, i) => same(v, b.inputs[i]!))
  )
    return `${a.name} was given other tensors the second time (${where})`;
  return undefined;
}

function externalDifference(tape: Tape, index: number): string {
  const { shape, dtype } = tape.externals[index]!.info;
  return `a tensor from outside the step, ${dtype} [${shape}]${usedBy(tape, index)} was another one the second time`;
}

function usedBy(tape: Tape, external: number): string {
  const user = tape.ops.find(({ inputs }) => inputs.some((v) => v.kind === 'external' && v.index === external));
  return user ? `, an input of ${user.name} (${describe(user.origin())}),` : '';
}

/**
 * The first argument that a step, given tensors that stand for them, nevertheless used itself, having got hold of it by
 * another way.
 * @param named the arguments by path, and their ids
 */
export function heldArgument(
  tape: Tape,
  named: readonly [path: string, tensor: unknown][],
  ids: readonly number[],
): VlltrError | undefined {
  const used = tape.externals.findIndex(({ id }) => ids.includes(id));
  const read = tape.reads.find(({ id }) => ids.includes(id));
  if (used < 0 && !read) return undefined;
  const id = used < 0 ? read!.id : tape.externals[used]!.id;
  const where = used < 0 ? `, read ${describe(read!.origin())},` : usedBy(tape, used);
  return new VlltrError(
    'ERR_CAPTURE',
    `The step cannot be captured: ${named[ids.indexOf(id)]![0]}${where} is also used from outside, where the next call ` +
      'would not change it. Take it from the arguments; if it is meant to stay the same, give the step another tensor of ' +
      'its values.',
  );
}

/** Whether two values are the same on tapes of the same step. */
export function same(a: Value, b: Value): boolean {
  return a.kind === b.kind && a.index === b.index && (a.kind !== 'op' || b.kind !== 'op' || a.output === b.output);
}
