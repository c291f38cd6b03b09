import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { check, VlltrError } from '../errors.js';
import { decodeBfloat16, decodeHalf } from './float16.js';
import { readFully } from './readFully.js';

/** Element types that a file of tensors may name, by their bytes. Only the floating ones are read as values. */
export const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type ElementType = keyof typeof ELEMENT_BYTES;

/** Where a file holds a tensor. */
export interface StoredTensor {
  readonly dtype: ElementType;
  /** `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Elements from one index of an axis to the next; left out: row-major. */
  readonly strides?: readonly number[];
  readonly file: FileHandle;
  /** First byte in the file. */
  readonly begin: number;
  /** CRC-32 of exactly these bytes, where the file has one. */
  readonly crc?: number;
}

/** Where a tensor's values go in an array: element (i, j, …) to `offset` + i·strides[0] + j·strides[1] + … */
export interface Placement {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** Strides of a row-major array. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const CHUNK = 1 << 20;

/** One axis in the order of the file: its length, and its stride in the array that is filled. */
interface Axis {
  size: number;
  stride: number;
}

/** Tensors of one or more files, read one by one: beside the array that is filled, a read takes a few MiB. */
export class TensorSource {
  private readonly chunk = new ArrayBuffer(CHUNK);

  constructor(
    /** What errors name. */
    readonly path: string,
    readonly tensors: ReadonlyMap<string, StoredTensor>,
    private readonly files: readonly FileHandle[],
    readonly metadata: Readonly<Record<string, string>> = {},
  ) {}

  /**
   * Reads a tensor of floating numbers as float32 to its places in `into`.
   * @throws VlltrError ERR_CHECKPOINT: cut off, damaged, of integers, or laid out with gaps
   */
  async read(name: string, into: Float32Array, { offset, strides }: Placement): Promise<void> {
    const tensor = this.tensors.get(name)!;
    const count = sizeOf(tensor.shape);
    if (count === 0) return;
    const write = writer(axesInFile(`${this.path}: ${name}`, tensor, strides), into, offset);
    const bytes = ELEMENT_BYTES[tensor.dtype];
    let sum = 0;
    for (let done = 0; done < count; ) {
      const take = Math.min(count - done, CHUNK / bytes);
      const part = new Uint8Array(this.chunk, 0, take * bytes);
      await readFully(tensor.file, part, tensor.begin + done * bytes, `${this.path}: ${name}`);
      if (tensor.crc !== undefined) sum = crc32(part, sum);
      write(this.#decode(name, tensor.dtype, take));
      done += take;
    }
    check(tensor.crc === undefined || sum >>> 0 === tensor.crc, 'ERR_CHECKPOINT', () => {
      return `${this.path}: ${name} is damaged (CRC ${sum >>> 0}, expected ${tensor.crc})`;
    });
  }

  #decode(name: string, dtype: ElementType, count: number): Float32Array {
    if (dtype === 'F32') return new Float32Array(this.chunk, 0, count);
    if (dtype === 'F16') return decodeHalf(new Uint16Array(this.chunk, 0, count));
    if (dtype === 'BF16') return decodeBfloat16(new Uint16Array(this.chunk, 0, count));
    if (dtype === 'F64') return Float32Array.from(new Float64Array(this.chunk, 0, count));
    throw new VlltrError('ERR_CHECKPOINT', `${this.path}: ${name} is ${dtype}; expected F16, BF16, F32 or F64`);
  }

  async close(): Promise<void> {
    for (const file of this.files) await file.close();
  }
}

/**
 * The axes in the order of the bytes, those that the array holds in the same way joined. A tensor saved transposed or
 * "channels last" has its axes in another order, all its elements side by side none the less.
 */
function axesInFile(what: string, { shape, strides }: StoredTensor, target: readonly number[]): Axis[] {
  const own = strides ?? rowMajor(shape);
  const order = [...shape.keys()].filter((axis) => shape[axis] !== 1).sort((a, b) => own[b]! - own[a]! || a - b);
  let dense = 1;
  for (const axis of [...order].reverse()) {
    check(own[axis] === dense, 'ERR_CHECKPOINT', () => {
      return `${what} [${shape}] has strides [${own}]; expected its elements side by side (save a contiguous copy)`;
    });
    dense *= shape[axis]!;
  }
  const axes: Axis[] = [];
  for (const axis of order) {
    const [size, stride] = [shape[axis]!, target[axis]!];
    const outer = axes.at(-1);
    if (outer && outer.stride === stride * size) axes[axes.length - 1] = { size: outer.size * size, stride };
    else axes.push({ size, stride });
  }
  return axes.length ? axes : [{ size: 1, stride: 1 }];
}

/** Takes a tensor's values in the order of the file, in pieces of any length, and puts them in their places. */
function writer(axes: readonly Axis[], into: Float32Array, offset: number): (values: Float32Array) => void {
  const inner = axes.at(-1)!;
  const outer = axes.slice(0, -1);
  const index = outer.map(() => 0);
  let base = offset;
  let at = 0; // along the inner axis
  const nextRow = (): void => {
    at = 0;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const { size, stride } = outer[axis]!;
      base += stride;
      index[axis]!++;
      if (index[axis]! < size) return;
      base -= stride * size;
      index[axis] = 0;
    }
  };
  return (values) => {
    for (let done = 0; done < values.length; ) {
      const take = Math.min(values.length - done, inner.size - at);
      const first = base + at * inner.stride;
      if (inner.stride === 1) into.set(values.subarray(done, done + take), first);
      else for (let k = 0, to = first; k < take; k++, to += inner.stride) into[to] = values[done + k]!;
      done += take;
      at += take;
      if (at === inner.size) nextRow();
    }
  };
}
