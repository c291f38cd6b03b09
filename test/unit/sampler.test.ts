import { describe, expect, it } from 'vitest';
import { shuffled } from '../../lib/random.js';
import { choose, cumulative, random, symmetricBeta } from '../../lib/training/random.js';
import { balancedWeights, sqrtWeights, uniformWeights, weightedSampler } from '../../lib/training/sampler.js';

/** Labels with n_c = 100, 25, 4. */
const labels = Int32Array.from([...Array(100).fill(0), ...Array(25).fill(1), ...Array(4).fill(2)]);

/** Share of each class among many draws. */
function shares(weights: Float64Array): number[] {
  const sample = weightedSampler({ weights, seed: 3 });
  const count = [0, 0, 0];
  for (let step = 0; step < 200; step++) for (const i of sample(step, 256)) count[labels[i]!]! += 1;
  return count.map((n) => n / (200 * 256));
}

describe('weighted sampler', () => {
  // 51,200 draws: a share's standard error is at most 0.0022; 0.01 is more than four of them.
  it('draws classes in proportion to the square root of their size', () => {
    const [a, b, c] = shares(sqrtWeights(labels, 3));
    expect(Math.abs(a! - 10 / 17)).toBeLessThan(0.01);
    expect(Math.abs(b! - 5 / 17)).toBeLessThan(0.01);
    expect(Math.abs(c! - 2 / 17)).toBeLessThan(0.01);
  });
  it('draws classes equally, or pictures equally', () => {
    for (const share of shares(balancedWeights(labels, 3))) expect(Math.abs(share - 1 / 3)).toBeLessThan(0.01);
    expect(Math.abs(shares(uniformWeights(129))[2]! - 4 / 129)).toBeLessThan(0.01);
  });
  it('is a function of seed, stream and step', () => {
    const weights = sqrtWeights(labels, 3);
    const a = weightedSampler({ weights, seed: 1 });
    const forward = [0, 1, 2].map((step) => [...a(step, 16)]);
    const b = weightedSampler({ weights, seed: 1 });
    expect([2, 1, 0].map((step) => [...b(step, 16)]).reverse()).toEqual(forward);
    expect(forward[0]).not.toEqual(forward[1]);
    expect([...weightedSampler({ weights, seed: 2 })(0, 16)]).not.toEqual(forward[0]);
    expect([...weightedSampler({ weights, seed: 1, stream: 'stage2' })(0, 16)]).not.toEqual(forward[0]);
  });
  it('never draws a weight of 0 and refuses weights that make no sense', () => {
    const sums = cumulative([0, 1, 0, 2, 0]);
    const draw = random(0, 'zero');
    for (let i = 0; i < 1000; i++) expect([1, 3]).toContain(choose(sums, draw));
    expect(() => weightedSampler({ weights: [1, -1], seed: 0 })).toThrow(/weights\[1\] is -1/);
    expect(() => weightedSampler({ weights: [0, 0], seed: 0 })).toThrow(/sum to 0/);
    expect(() => cumulative([Number.NaN])).toThrow(/weights\[0\] is NaN/);
    expect(() => sqrtWeights([0, 3], 3)).toThrow(/labels\[1\] is 3/);
  });
});

describe('random helpers', () => {
  it('permutes uniformly', () => {
    const seen = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const key = shuffled([0, 1, 2], random(1, 'p', i)).join();
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const n of seen.values()) expect(Math.abs(n - 1000)).toBeLessThan(150);
  });
  it('draws Beta(α, α): mean 1/2, variance 1/(4(2α+1))', () => {
    for (const alpha of [0.8, 1]) {
      const draw = random(2, 'beta');
      const x = Array.from({ length: 20000 }, () => symmetricBeta(alpha, draw));
      const mean = x.reduce((a, b) => a + b) / x.length;
      const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
      expect(mean).toBeCloseTo(0.5, 1);
      expect(Math.abs(variance - 1 / (4 * (2 * alpha + 1)))).toBeLessThan(0.004);
    }
  });
});
