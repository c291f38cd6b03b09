import { describe, expect, it } from 'vitest';
import { accuracyByShot, argMaxRows, classCounts, topOne } from '../../lib/stages/accuracy.js';
import { logPrior } from '../../lib/stages/classifier.js';
import { confusedPairs } from '../../lib/stages/inspect.js';
import { chooseAlpha, mixBranches } from '../../lib/stages/recognise.js';

describe('accuracyByShot', () => {
  // Class 0: 120 training pictures, 1 of 4 right; 1: 100, 1 of 1; 2: 20, 1 of 2; 3: 3, none to test.
  const labels = [0, 0, 0, 0, 1, 2, 2];
  const predicted = [0, 1, 1, 2, 1, 2, 3];
  const bounds = { manyAbove: 99, fewUpTo: 20 };
  const report = accuracyByShot(predicted, labels, [120, 100, 20, 3], bounds);

  it('pools over pictures and averages over classes', () => {
    expect(report).toMatchObject({ all: 300 / 7, many: 40, medium: null, few: 50 });
    expect(report.byClassMean).toEqual({ all: (25 + 100 + 50) / 3, many: 62.5, medium: null, few: 50 });
    expect(report.perClass).toEqual([25, 100, 50, null]);
  });

  it('puts the bounds where the convention has them', () => {
    const decoupling = accuracyByShot(predicted, labels, [120, 100, 20, 3], { manyAbove: 100, fewUpTo: 19 });
    expect(decoupling).toMatchObject({ many: 25, medium: 200 / 3, few: null });
  });

  it('refuses labels and predictions that do not fit', () => {
    expect(() => accuracyByShot([0], labels, [1], bounds)).toThrow('predicted has 1 entries, labels 7');
    expect(() => accuracyByShot([0], [4], [1, 1], bounds)).toThrow('labels[0] is 4; expected 0 … 1');
  });
});

describe('small helpers', () => {
  it('takes the first of equal maxima, counts, and scores', () => {
    expect([...argMaxRows([1, 3, 3, 9, 0, 8], 3)]).toEqual([1, 0]);
    expect([...classCounts([2, 0, 2], 4)]).toEqual([1, 0, 2, 0]);
    expect(topOne([1, 1, 0], [1, 0, 0])).toBeCloseTo(200 / 3, 10);
  });

  it('lists confused pairs, the most frequent first', () => {
    const labels = [0, 0, 0, 1, 1, 2];
    const predicted = [1, 1, 0, 0, 1, 0];
    expect(confusedPairs(predicted, labels, ['a', 'b', 'c'], 2)).toEqual([
      { truth: 'a', predicted: 'b', count: 2, of: 3 },
      { truth: 'b', predicted: 'a', count: 1, of: 2 },
    ]);
  });
});

describe('chooseAlpha', () => {
  const visual = Float32Array.of(0.9, 0.1, 0.4, 0.6, 0.45, 0.55);
  const text = Float32Array.of(0.3, 0.7, 0.9, 0.1, 0.2, 0.8);

  it('mixes the branches', () => {
    expect(mixBranches({ visual, text }, 0.25)[0]).toBeCloseTo(0.45, 6);
    expect([...mixBranches({ visual, text }, 1)]).toEqual([...visual]);
    expect([...mixBranches({ visual, text }, 0)]).toEqual([...text]);
  });

  it('finds the weight at which all are right, the nearest to ½ of several', () => {
    // Picture 0 needs α > 1/3, picture 1 α < 5/6; all between is right, so ½.
    expect(chooseAlpha({ visual, text }, [0, 0, 1])).toEqual({ alpha: 0.5, accuracy: 100 });
    // Picture 1 now needs α > 5/6.
    const { alpha, accuracy } = chooseAlpha({ visual, text }, [0, 1, 1]);
    expect([alpha, accuracy]).toEqual([0.85, 100]);
    // Only small weights serve.
    expect(chooseAlpha({ visual, text }, [1, 0, 1])).toEqual({ alpha: 0.3, accuracy: 100 });
  });
});

describe('logPrior', () => {
  it('is the distribution the sampler draws classes from', () => {
    const close = (actual: Float32Array, expected: number[]) =>
      expected.forEach((p, c) => {
        expect(Math.exp(actual[c]!)).toBeCloseTo(p, 6);
      });
    close(logPrior([16, 4, 1], 'uniform'), [16 / 21, 4 / 21, 1 / 21]);
    close(logPrior([16, 4, 1], 'sqrt'), [4 / 7, 2 / 7, 1 / 7]);
    close(logPrior([16, 4, 1], 'balanced'), [1 / 3, 1 / 3, 1 / 3]);
  });
});
