import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '../../lib/files/safetensors.js';
import { random } from '../../lib/random.js';

export type Arrays = Record<string, { shape: number[]; data: Float32Array | Int32Array }>;

const pathOf = (folder: string): string => join(folder, 'batch.safetensors');

/** Writes a problem's arrays where every participant finds them (in PyTorch: `tensors.batch_of`). */
export const writeArrays = (folder: string, arrays: Arrays): Promise<void> => writeSafetensors(pathOf(folder), arrays);

/** What was written, by name. */
export async function readArrays(folder: string): Promise<Record<string, Float32Array | Int32Array>> {
  const { tensors } = await readSafetensors(pathOf(folder));
  const entries = Object.entries(tensors).map(([name, { data }]) => [name, data as Float32Array | Int32Array] as const);
  return Object.fromEntries(entries);
}

/** A prime, so that rows of any usual width do not repeat with the pool. */
const POOL = 1_048_573;

/**
 * Normal values without end, quickly: a pool of them, taken round and round. Every call goes on where the last one
 * stopped.
 */
export function normals(seed: number): (count: number) => Float32Array {
  const draw = random(seed, 'bench');
  const pool = Float32Array.from({ length: POOL }, () => draw.normal());
  let at = 0;
  return (count) => {
    const values = new Float32Array(count);
    for (let filled = 0; filled < count; ) {
      const part = pool.subarray(at, Math.min(POOL, at + count - filled));
      values.set(part, filled);
      filled += part.length;
      at = (at + part.length) % POOL;
    }
    return values;
  };
}
