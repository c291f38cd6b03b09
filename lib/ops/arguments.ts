import { check, VlltrError } from '../errors.js';
import { tf } from '../runtime/tf.js';

/** A size: a number, or a letter that stands for the size it was first seen with in the same call. */
export type Dim = number | string;

/** Whole numbers as an op takes them: labels, counts. */
export type Integers = tf.Tensor1D | Int32Array | readonly number[];

/** What a value is, for messages: `float32 [2,3]`, `number 5`, `string`, … */
export function describe(value: unknown): string {
  if (value instanceof tf.Tensor)
    return `${value.isDisposed ? 'a disposed tensor, ' : ''}${value.dtype} [${value.shape}]`;
  if (typeof value === 'number') return `the number ${value}`;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (ArrayBuffer.isView(value) && 'length' in value) return `${value.constructor.name} of length ${value.length}`;
  return value === null ? 'null' : typeof value === 'object' ? 'an object' : typeof value;
}

/**
 * Checks the arguments of one call of `op`; every failure is an `ERR_ARGUMENT` that names the argument, what it is and
 * what was expected. Sizes given as letters are bound by the first argument that has them, so that `[B,D]` means the
 * same B and D throughout the call. Only shapes, types and host numbers are looked at, never a tensor's values.
 */
export class Arguments {
  readonly #sizes = new Map<string, { size: number; from: string }>();

  constructor(readonly op: string) {}

  /** The size bound to a letter. */
  size(letter: string): number {
    const bound = this.#sizes.get(letter);
    check(bound, 'ERR_INTERNAL', () => `${this.op}: no argument has bound the size ${letter}`);
    return bound.size;
  }

  /** The object that holds the call's arguments. */
  object(value: unknown): void {
    if (typeof value !== 'object' || value === null) this.fail('the argument', value, 'an object of named arguments');
  }

  /** A tensor of this dtype and shape. */
  tensor(name: string, value: unknown, dims: readonly Dim[], dtype: tf.DataType = 'float32'): void {
    const expected = () => `${dtype} [${dims}]${this.#known(dims)}`;
    if (!(value instanceof tf.Tensor) || value.isDisposed || value.dtype !== dtype || value.rank !== dims.length)
      this.fail(name, value, expected());
    this.#bind(name, value, value.shape, dims, expected);
  }

  /** A host number in [`min`, `max`]. */
  number(name: string, value: unknown, min = -Infinity, max = Infinity): void {
    const inside = typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max;
    if (!inside) this.fail(name, value, `a finite number${min > -Infinity ? ` in [${min}, ${max}]` : ''}`);
  }

  /** A whole host number of at least `min`. */
  integer(name: string, value: unknown, min: number): void {
    if (!Number.isInteger(value) || (value as number) < min)
      this.fail(name, value, `a whole number of at least ${min}`);
  }

  /** A number or a float32 scalar tensor. */
  scalar(name: string, value: unknown): void {
    if (typeof value === 'number' && Number.isFinite(value)) return;
    const fits = value instanceof tf.Tensor && !value.isDisposed && value.dtype === 'float32' && value.rank === 0;
    if (!fits) this.fail(name, value, 'a finite number or a float32 scalar tensor');
  }

  /** Whole numbers, one-dimensional: a host array with each value in [`min`, `max`], or an int32 tensor (not read). */
  integers(name: string, value: unknown, dim: Dim, min = -(2 ** 31), max = 2 ** 31 - 1): void {
    if (value instanceof tf.Tensor) {
      this.tensor(name, value, [dim], 'int32');
      return;
    }
    const expected = () =>
      `int32 [${dim}]${this.#known([dim])} as a tensor, an Int32Array or an array of whole numbers`;
    if (!Array.isArray(value) && !(value instanceof Int32Array)) this.fail(name, value, expected());
    this.#bind(name, value, [value.length], [dim], expected);
    for (let i = 0; i < value.length; i++) {
      const v: unknown = value[i];
      if (!Number.isInteger(v) || (v as number) < min || (v as number) > max)
        this.fail(`${name}[${i}]`, v, `a whole number in [${min}, ${max}]`);
    }
  }

  /** Raises the error for an argument that does not fit. */
  fail(name: string, value: unknown, expected: string): never {
    throw new VlltrError('ERR_ARGUMENT', `${this.op}: ${name} is ${describe(value)}; expected ${expected}`);
  }

  #bind(name: string, value: unknown, shape: readonly number[], dims: readonly Dim[], expected: () => string): void {
    dims.forEach((dim, i) => {
      const size = shape[i]!;
      const wanted = typeof dim === 'number' ? dim : this.#sizes.get(dim)?.size;
      if (wanted === undefined ? size === 0 : wanted !== size) {
        this.fail(name, value, wanted === undefined ? `${expected()} with ${dim} at least 1` : expected());
      }
    });
    dims.forEach((dim, i) => {
      if (typeof dim === 'string' && !this.#sizes.has(dim)) this.#sizes.set(dim, { size: shape[i]!, from: name });
    });
  }

  #known(dims: readonly Dim[]): string {
    const known = dims.flatMap((dim) => {
      const bound = typeof dim === 'string' ? this.#sizes.get(dim) : undefined;
      return bound ? [`${dim} = ${bound.size} (from ${bound.from})`] : [];
    });
    return known.length > 0 ? ` with ${[...new Set(known)].join(', ')}` : '';
  }
}

/** `values` as an int32 tensor; a tensor is returned as it is, so call it inside a `tf.tidy`. */
export function toInt32(values: Integers): tf.Tensor1D {
  return values instanceof tf.Tensor ? values : tf.tensor1d(values as number[] | Int32Array, 'int32');
}

/** A number as a float32 scalar; a tensor is returned as it is, so call it inside a `tf.tidy`. */
export function toScalar(value: number | tf.Scalar): tf.Scalar {
  return typeof value === 'number' ? tf.scalar(value, 'float32') : value;
}
