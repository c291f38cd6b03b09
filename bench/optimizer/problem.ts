import { type ClipConfig, clipConfig } from '../../lib/clip/config.js';
import { isTrainable, parameterSpecs } from '../../lib/clip/model.js';
import { normals, writeArrays } from '../support/arrays.js';
import type { Work } from '../support/figures.js';

const isVisual = (name: string): boolean => name.startsWith('visual.');

/** Whose parameters are trained. */
export const MODELS: Record<string, { config: ClipConfig; part: (name: string) => boolean }> = {
  RN50: { config: clipConfig('RN50'), part: () => true },
  'RN50-visual': { config: clipConfig('RN50'), part: isVisual },
  'ViT-B/16': { config: clipConfig('ViT-B/16'), part: () => true },
};

export interface Problem {
  model: string;
  learningRate: number;
  weightDecay: number;
  clipNorm: number;
  /** Steps taken, the measured one included. */
  step: number;
  /** Every so many elements one is compared with float64's. */
  stride: number;
}

export function problemOf(model: string): Problem {
  if (!MODELS[model]) throw new Error(`the model is '${model}', expected one of ${Object.keys(MODELS).join(', ')}`);
  return { model, learningRate: 5e-5, weightDecay: 0.05, clipNorm: 1, step: 100, stride: 997 };
}

/** Lengths of the parameters, in the model's order. */
export function lengthsOf({ model }: Problem): number[] {
  const { config, part } = MODELS[model]!;
  return parameterSpecs(config)
    .filter(({ name }) => isTrainable(name) && part(name))
    .map(({ shape }) => shape.reduce((size, length) => size * length, 1));
}

/** Values that every participant takes round and round, each vector from an offset of its own (`vectors`); `lengths`. */
export async function writeProblem(problem: Problem, folder: string): Promise<void> {
  const lengths = lengthsOf(problem);
  await writeArrays(folder, {
    pool: { shape: [POOL], data: normals(8)(POOL) },
    lengths: { shape: [lengths.length], data: Int32Array.from(lengths) },
  });
}

const POOL = 1_000_003;

/** Parameters, moments and gradient, N elements each, as a training has them. */
export function vectors(pool: Float32Array, n: number): Record<'params' | 'm' | 'v' | 'grad', Float32Array> {
  const take = (offset: number, form: (value: number) => number): Float32Array => {
    const formed = pool.map(form);
    const values = new Float32Array(n);
    for (let i = 0, at = offset; i < n; at = 0) {
      const part = formed.subarray(at, Math.min(pool.length, at + n - i));
      values.set(part, i);
      i += part.length;
    }
    return values;
  };
  return {
    params: take(0, (value) => 0.02 * value),
    m: take(1000, (value) => 1e-3 * value),
    v: take(2000, (value) => 1e-6 * (value * value + 0.1)),
    grad: take(3000, (value) => 1e-3 * value),
  };
}

/** Read: parameters, moments, gradient; written: the first three. Clipping reads the gradient before. */
export function workOf(problem: Problem): Record<string, Work> {
  const n = lengthsOf(problem).reduce((sum, length) => sum + length, 0);
  return { step: { flops: 0, bytes: 28 * n }, clipped: { flops: 0, bytes: 32 * n } };
}
