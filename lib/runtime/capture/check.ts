import { VlltrError } from '../../errors.js';
import { tf } from '../tf.js';
import { pathTo } from '../tree.js';

/**
 * Refuses what a captured step cannot be given: a disposed tensor; and whatever is no tensor of numbers, since the
 * function would keep what it was in the first call.
 * @throws VlltrError ERR_ARGUMENT, ERR_CAPTURE
 */
export function checkArguments(state: unknown, inputs: unknown): void {
  for (const [name, tree] of Object.entries({ state, inputs })) {
    if (!isRecord(tree) || tree instanceof tf.Tensor)
      throw new VlltrError('ERR_ARGUMENT', `capture: ${name} is ${said(tree)}; expected a record of tensors`);
  }
  for (const [path, value] of foreignLeaves({ state, inputs })) {
    if (value instanceof tf.Tensor && value.isDisposed)
      throw new VlltrError('ERR_ARGUMENT', `capture: ${path} is a disposed tensor`);
    throw refused(`its argument ${path} is ${said(value)}, which a function cannot take`);
  }
}

/** Refuses a result that is not {state, outputs} or holds anything but tensors. @throws VlltrError ERR_ARGUMENT, ERR_CAPTURE */
export function checkResult(result: unknown): void {
  const { state, outputs } = Object(result) as { state?: unknown; outputs?: unknown };
  if (!isRecord(state) || !isRecord(outputs)) {
    const got =
      isRecord(result) && !(result instanceof tf.Tensor) ? `{${Object.keys(result)}}` : `what is ${said(result)}`;
    throw new VlltrError('ERR_ARGUMENT', `capture: the step returned ${got}; expected {state, outputs}, and at once`);
  }
  for (const [path, value] of foreignLeaves({ state, outputs })) {
    if (value instanceof tf.Tensor && value.isDisposed)
      throw new VlltrError('ERR_ARGUMENT', `capture: the step returned ${path}, a disposed tensor`);
    throw refused(`its result ${path} is ${said(value)}`);
  }
}

const refused = (what: string): VlltrError =>
  new VlltrError('ERR_CAPTURE', `The step cannot be captured: ${what}; expected a tensor or a record of tensors.`);

/** Whatever is neither a living tensor of numbers nor a record of such. What is absent may be. */
function* foreignLeaves(tree: object, prefix = ''): Generator<[path: string, value: unknown]> {
  for (const [name, value] of Object.entries(tree)) {
    if (value === undefined || value === null) continue;
    const path = pathTo(prefix, name);
    if (value instanceof tf.Tensor) {
      if (value.isDisposed || !DTYPES.includes(value.dtype)) yield [path, value];
    } else if (isRecord(value)) yield* foreignLeaves(value, path);
    else yield [path, value];
  }
}

const DTYPES: readonly string[] = ['float32', 'int32', 'bool'];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  Object.prototype.toString.call(value) === '[object Object]';

function said(value: unknown): string {
  if (value instanceof tf.Tensor) return `a tensor of type ${value.dtype}`;
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return `the string '${value.slice(0, 40)}'`;
  return typeof value === 'object' ? `of class ${value.constructor?.name}` : `the ${typeof value} ${String(value)}`;
}
