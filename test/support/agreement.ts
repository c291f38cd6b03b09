import { expect } from 'vitest';

/** Values by name. */
export type Values = Record<string, ArrayLike<number>>;

const largestOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((a, b) => Math.max(a, Math.abs(b)), 0);

/**
 * The values agree: to the bit where `tolerance` is 0, else up to `tolerance` times the largest of a tensor or, where its
 * numbers cancel to about 0, a thousandth of the largest of its kind (the first word of its name).
 */
export function expectAgree(found: Values, expected: Values, tolerance: number): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  const kindOf = (name: string): string => name.split(' ')[0]!;
  const kinds = new Map<string, number>();
  for (const [name, wanted] of Object.entries(expected))
    kinds.set(kindOf(name), Math.max(kinds.get(kindOf(name)) ?? 0, largestOf(wanted)));
  for (const [name, wanted] of Object.entries(expected)) {
    const is = found[name]!;
    expect(is.length, name).toBe(wanted.length);
    const scale = Math.max(largestOf(wanted), 1e-3 * kinds.get(kindOf(name))!);
    let error = 0;
    for (let i = 0; i < wanted.length; i++) {
      if (Object.is(is[i], wanted[i])) continue;
      const off = tolerance === 0 ? Infinity : Math.abs(is[i]! - wanted[i]!) / scale;
      error = Math.max(error, Number.isNaN(off) ? Infinity : off);
    }
    expect(error, name).toBeLessThanOrEqual(tolerance);
  }
}
