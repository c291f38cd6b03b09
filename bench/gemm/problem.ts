import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf } from '../../lib/bytes.js';
import { normals } from '../support/arrays.js';
import type { Work } from '../support/figures.js';
import { sizeOf } from '../support/options.js';

/** C [rows, columns] = A Bᵀ over a depth. */
export interface Problem {
  rows: number;
  columns: number;
  depth: number;
}

export function problemOf(size: string): Problem {
  const [rows, columns, depth] = sizeOf(size, 'MxNxK') as [number, number, number];
  return { rows, columns, depth };
}

/** `a.f32` [M, K] and `b.f32` [N, K], float32 without a header: the participant in C++ reads them too. */
export async function writeProblem({ rows, columns, depth }: Problem, folder: string): Promise<void> {
  const take = normals(7);
  await writeFile(join(folder, 'a.f32'), bytesOf(take(rows * depth)));
  await writeFile(join(folder, 'b.f32'), bytesOf(take(columns * depth)));
}

export function workOf({ rows, columns, depth }: Problem): Record<string, Work> {
  const elements = rows * depth + columns * depth + rows * columns;
  return { product: { flops: 2 * rows * columns * depth, bytes: 4 * elements } };
}
