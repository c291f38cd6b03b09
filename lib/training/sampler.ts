import { check } from '../errors.js';
import { choose, cumulative, random } from './random.js';

/** The pictures of a batch: a pure function of the step. @returns indices, length `batch` */
export type Sampler = (step: number, batch: number) => Int32Array;

/** Names a sampler's random numbers. */
export interface SamplerKey {
  seed: number;
  /** Default 'sampler'. */
  stream?: string;
}

function classSizes(labels: ArrayLike<number>, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) {
    const y = labels[i]!;
    check(y >= 0 && y < classes, 'ERR_ARGUMENT', () => `labels[${i}] is ${y}; expected 0 … ${classes - 1}`);
    counts[y]! += 1;
  }
  return counts;
}

/** Weight of each picture n_c^-power, n_c the size of its class. */
function powerWeights(labels: ArrayLike<number>, classes: number, power: number): Float64Array {
  const counts = classSizes(labels, classes);
  return Float64Array.from(labels, (y) => counts[y]! ** -power);
}

/** Square-root sampling (the paper's): weight 1/√n_c, so that a class is drawn ∝ √n_c. */
export const sqrtWeights = (labels: ArrayLike<number>, classes: number): Float64Array =>
  powerWeights(labels, classes, 0.5);

/** Class-balanced sampling: weight 1/n_c, so that every class that has pictures is drawn equally often. */
export const balancedWeights = (labels: ArrayLike<number>, classes: number): Float64Array =>
  powerWeights(labels, classes, 1);

/** Every picture equally often: a class is drawn ∝ n_c. */
export const uniformWeights = (length: number): Float64Array => new Float64Array(length).fill(1);

/** Independent draws with replacement, probability proportional to `weights`. */
export function weightedSampler(options: SamplerKey & { weights: ArrayLike<number> }): Sampler {
  const sums = cumulative(options.weights);
  const stream = options.stream ?? 'sampler';
  return (step, batch) => {
    const draw = random(options.seed, stream, step);
    return Int32Array.from({ length: batch }, () => choose(sums, draw));
  };
}
