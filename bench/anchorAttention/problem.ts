import { type Arrays, normals, writeArrays } from '../support/arrays.js';
import type { Work } from '../support/figures.js';
import { sizeOf } from '../support/options.js';

/** B images' features and C classes of M anchors, all valid, of width D. */
export interface Problem {
  classes: number;
  perClass: number;
  width: number;
  batch: number;
  /** ln(1/τ). */
  logitScale: number;
}

export function problemOf(size: string): Problem {
  const [classes, perClass, width, batch] = sizeOf(size, 'CxMxDxB') as [number, number, number, number];
  return { classes, perClass, width, batch, logitScale: Math.log(100) };
}

/** Anchors [C, M, D], as far from their class's mean as the means from 0; images x [B, D]; `dlogits` [B, C]; the head. */
export async function writeProblem({ classes, perClass, width, batch }: Problem, folder: string): Promise<void> {
  const take = normals(6);
  const anchors = take(classes * perClass * width);
  for (let c = 0; c < classes; c++) {
    const mean = take(width);
    for (let m = 0; m < perClass; m++) {
      const row = (c * perClass + m) * width;
      for (let i = 0; i < width; i++) anchors[row + i]! += mean[i]!;
    }
  }
  const vector = (start: number) => ({ shape: [width], data: take(width).map((value) => start + 0.1 * value) });
  /** Near the identity, as the head begins. */
  const square = () => {
    const data = take(width * width).map((value) => 0.01 * value);
    for (let i = 0; i < width; i++) data[i * width + i]! += 1;
    return { shape: [width, width], data };
  };
  const arrays: Arrays = {
    anchors: { shape: [classes, perClass, width], data: anchors },
    x: { shape: [batch, width], data: take(batch * width) },
    wq: square(),
    wk: square(),
    gq: vector(1),
    bq: vector(0),
    gk: vector(1),
    bk: vector(0),
    dlogits: { shape: [batch, classes], data: take(batch * classes).map((value) => value / batch) },
  };
  await writeArrays(folder, arrays);
}

/** Scores and similarities by one product with the table, and the gradient by twice as much, or as the scores anew. */
export function workOf({ classes, perClass, width, batch }: Problem): Record<string, Work> {
  const product = 4 * batch * classes * perClass * width;
  const table = 4 * classes * perClass * width;
  return {
    forward: { flops: product, bytes: table },
    both: { flops: 2 * product, bytes: 2 * table },
  };
}
