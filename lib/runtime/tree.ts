import { check } from '../errors.js';
import { tf } from './tf.js';

/** Nested records of tensors: a training state, the inputs of a step. */
export interface TensorTree {
  [name: string]: tf.Tensor | TensorTree;
}

/** Path of what a record at `prefix` holds under a name; distinct for distinct places, whatever the names hold. */
export function pathTo(prefix: string, name: string): string {
  const escaped = name.replaceAll('~', '~0').replaceAll('/', '~1');
  return prefix ? `${prefix}/${escaped}` : escaped;
}

/** Every tensor of a tree under its path, as in `buffers/visual.bn1.running_mean`. */
export function leaves(tree: TensorTree, prefix = ''): [path: string, tensor: tf.Tensor][] {
  return Object.entries(tree).flatMap(([name, value]) => {
    if (!value || typeof value !== 'object') return [];
    const path = pathTo(prefix, name);
    return value instanceof tf.Tensor ? [[path, value] as [string, tf.Tensor]] : leaves(value, path);
  });
}

/** The same tree with other tensors at its leaves. */
export function mapTree<T extends TensorTree>(
  tree: T,
  fn: (tensor: tf.Tensor, path: string) => tf.Tensor,
  prefix = '',
): T {
  return Object.fromEntries(
    Object.entries(tree)
      .filter(([, value]) => value)
      .map(([name, value]) => {
        const path = pathTo(prefix, name);
        return [name, value instanceof tf.Tensor ? fn(value, path) : mapTree(value, fn, path)];
      }),
  ) as T;
}

/** Disposes the tensors of a tree but for those that `keep` holds too. */
export function disposeTree(tree: TensorTree, keep: TensorTree = {}): void {
  const kept = new Set(leaves(keep).map(([, tensor]) => tensor.id));
  for (const [, tensor] of leaves(tree)) if (!kept.has(tensor.id) && !tensor.isDisposed) tensor.dispose();
}

/** Position of the first NaN or Inf, or -1. */
export function firstNonFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i]!)) return i;
  return -1;
}

/** Values of scalars, read in one go. @throws VlltrError ERR_ARGUMENT naming one that is none */
export async function readScalars(scalars: Record<string, tf.Tensor>): Promise<Record<string, number>> {
  const names = Object.keys(scalars);
  if (!names.length) return {};
  for (const name of names)
    check(scalars[name]!.size === 1, 'ERR_ARGUMENT', () => `output '${name}' is [${scalars[name]!.shape}], no scalar`);
  const all = tf.tidy(() =>
    tf.concat1d(names.map((name) => tf.cast(scalars[name]!, 'float32').reshape([1]) as tf.Tensor1D)),
  );
  const values = await all.data();
  all.dispose();
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}
