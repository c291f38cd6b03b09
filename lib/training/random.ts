import { check } from '../errors.js';
import type { Random } from '../random.js';

export { philox, type Random, random } from '../random.js';

/**
 * Running sums of weights, for `choose`.
 * @throws VlltrError ERR_ARGUMENT naming the first weight that is negative or not finite, or when all are 0
 */
export function cumulative(weights: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(weights.length);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i]!;
    check(w >= 0 && w < Number.POSITIVE_INFINITY, 'ERR_ARGUMENT', () => `weights[${i}] is ${w}; expected a number ≥ 0`);
    sum += w;
    sums[i] = sum;
  }
  check(sum > 0, 'ERR_ARGUMENT', () => `the ${weights.length} weights sum to ${sum}; expected a positive sum`);
  return sums;
}

/** Draws an index with probability proportional to its weight, given `cumulative(weights)`. Weight 0 is never drawn. */
export function choose(sums: Float64Array, draw: Random): number {
  const u = draw.uniform() * sums[sums.length - 1]!;
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sums[middle]! > u) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Beta(α, α) for 0 < α ≤ 1 (Jöhnk's method). */
export function symmetricBeta(alpha: number, draw: Random): number {
  check(alpha > 0 && alpha <= 1, 'ERR_ARGUMENT', () => `alpha is ${alpha}; expected 0 < alpha ≤ 1`);
  if (alpha === 1) return draw.uniform();
  for (;;) {
    const a = (1 - draw.uniform()) ** (1 / alpha);
    const b = (1 - draw.uniform()) ** (1 / alpha);
    if (a + b <= 1 && a + b > 0) return a / (a + b);
  }
}
