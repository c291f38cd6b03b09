import { check } from '../errors.js';
import { type TensorMap, tf } from '../runtime/tf.js';

/** How named parameters lie one behind the other in a single vector. */
export interface FlatLayout {
  readonly names: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  /** Elements of each parameter. */
  readonly sizes: readonly number[];
  /** First element of each parameter. */
  readonly offsets: readonly number[];
  /** Elements of all. */
  readonly size: number;
}

/**
 * The layout of parameters in a vector: an optimiser's step over it is a few large operations instead of a dozen small
 * ones for each parameter.
 * @param names which entries of `map`, in this order; by default all
 */
export function flatLayout(map: TensorMap, names: readonly string[] = Object.keys(map)): FlatLayout {
  const shapes = names.map((name) => {
    const tensor = map[name];
    check(tensor, 'ERR_ARGUMENT', () => `there is no parameter '${name}'`);
    check(tensor.dtype === 'float32', 'ERR_ARGUMENT', () => `'${name}' is ${tensor.dtype}; expected float32`);
    return tensor.shape.slice();
  });
  check(names.length > 0, 'ERR_ARGUMENT', () => 'a flat layout needs at least one parameter');
  const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
  const offsets: number[] = [];
  let size = 0;
  for (const n of sizes) {
    offsets.push(size);
    size += n;
  }
  return { names: [...names], shapes, sizes, offsets, size };
}

/** The parameters of a layout as one vector [layout.size]. Differentiable. */
export function pack(layout: FlatLayout, map: TensorMap): tf.Tensor1D {
  return tf.tidy(() =>
    tf.concat1d(
      layout.names.map((name, i) => {
        const tensor = map[name];
        check(tensor, 'ERR_ARGUMENT', () => `there is no parameter '${name}'`);
        check(
          tensor.size === layout.sizes[i],
          'ERR_ARGUMENT',
          () => `'${name}' is [${tensor.shape}]; expected [${layout.shapes[i]}]`,
        );
        return tensor.reshape([-1]) as tf.Tensor1D;
      }),
    ),
  );
}

/** Elements of float32 that TensorFlow aligns tensors to (64 bytes). */
const ALIGNMENT = 16;

/**
 * The named parameters that a vector [layout.size] holds. Differentiable. TensorFlow's split shares the vector's memory
 * only where all of its parts are aligned; so what one parameter of odd size (`logit_scale`, a head's bias) leaves
 * unaligned is sliced by itself, and copied, and the rest shared.
 */
export function unpack(layout: FlatLayout, flat: tf.Tensor1D): TensorMap {
  check(flat.size === layout.size, 'ERR_ARGUMENT', () => `the vector has ${flat.size} elements, not ${layout.size}`);
  const { names, shapes, sizes, offsets } = layout;
  const isAligned = (i: number): boolean => offsets[i]! % ALIGNMENT === 0 && sizes[i]! % ALIGNMENT === 0;
  return tf.tidy(() => {
    const parts: tf.Tensor[] = [];
    while (parts.length < names.length) {
      const [from, start] = [parts.length, offsets[parts.length]!];
      let to = from + 1;
      if (isAligned(from)) while (to < names.length && isAligned(to)) to++;
      const end = offsets[to] ?? layout.size;
      const run = end - start === flat.size ? flat : tf.slice(flat, [start], [end - start]);
      parts.push(...(to === from + 1 ? [run] : tf.split(run, sizes.slice(from, to))));
    }
    return Object.fromEntries(names.map((name, i) => [name, tf.reshape(parts[i]!, [...shapes[i]!])]));
  });
}

/** The parameter that holds element `index` of the vector. */
export function nameAt(layout: FlatLayout, index: number): string {
  let i = 0;
  while (i + 1 < layout.names.length && layout.offsets[i + 1]! <= index) i++;
  return layout.names[i]!;
}
