import { describe, expect, it } from 'vitest';
import { cosine, epochCosine } from '../../lib/training/schedule.js';

describe('cosine', () => {
  it('rises linearly, then falls to the minimum', () => {
    const rate = cosine({ base: 1, steps: 100, warmup: 10 });
    expect(rate(0)).toBeCloseTo(0.1, 12);
    expect(rate(4)).toBeCloseTo(0.5 * 0.5 * (1 + Math.cos(Math.PI * 0.04)), 12);
    expect(rate(50)).toBeCloseTo(0.5, 12);
    expect(rate(99)).toBeLessThan(0.001);
    expect(cosine({ base: 1, steps: 10, min: 0.2 })(10)).toBeCloseTo(0.2, 12);
    expect(cosine({ base: 1, steps: 10 })(0)).toBe(1);
  });
  it('refuses a warm-up longer than the run', () => {
    expect(() => cosine({ base: 1, steps: 5, warmup: 6 })).toThrow(/warmup is 6/);
    expect(() => cosine({ base: 1, steps: 0 })).toThrow(/steps is 0/);
  });
});

describe("the authors' schedule", () => {
  it('runs epochs 0 and 1 at 1e-6 and epoch e at f(e-1)', () => {
    const rate = epochCosine({ base: 5e-5, epochs: 50, stepsPerEpoch: 10 });
    expect(rate(0)).toBe(1e-6);
    expect(rate(19)).toBe(1e-6);
    expect(rate(20)).toBeCloseTo(1e-6 + (5e-5 - 1e-6) / 5, 15);
    expect(rate(59)).toBeCloseTo(1e-6 + (4 * (5e-5 - 1e-6)) / 5, 15);
    // Not shifted by the warm-up: f(5) lies already below the base rate.
    expect(rate(60)).toBeCloseTo(2.5e-5 * (1 + Math.cos((Math.PI * 5) / 50)), 15);
    expect(rate(499)).toBeCloseTo(2.5e-5 * (1 + Math.cos((Math.PI * 48) / 50)), 15);
  });
  it('starts at the base rate without a warm-up and ends at the minimum', () => {
    const rate = epochCosine({ base: 1e-3, epochs: 2, stepsPerEpoch: 1, warmupEpochs: 0, min: 1e-5 });
    expect(rate(0)).toBe(1e-3);
    expect(rate(1)).toBe(1e-3);
    expect(rate(3)).toBeCloseTo(1e-5, 15);
  });
});
