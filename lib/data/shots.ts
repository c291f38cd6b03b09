import { check } from '../errors.js';
import type { ShotBounds } from './types.js';

export type ShotGroup = 'many' | 'medium' | 'few';

/** Group of a class with n training pictures. */
export function shotGroup(n: number, bounds: ShotBounds): ShotGroup {
  return n > bounds.manyAbove ? 'many' : n <= bounds.fewUpTo ? 'few' : 'medium';
}

/** Published bounds: `authors` (VL-LTR, OLTR) many ≥ 100, few ≤ 20; `decoupling` (Decoupling, LIFT) many > 100, few < 20. */
export const shotPresets = {
  authors: { manyAbove: 99, fewUpTo: 20 },
  decoupling: { manyAbove: 100, fewUpTo: 19 },
} as const satisfies Record<string, ShotBounds>;

/** A preset by name; `scaled` bounds by the largest class; `auto`: the authors' if they leave a many-shot group, else scaled. */
export type Shots = keyof typeof shotPresets | 'scaled' | 'auto' | ShotBounds;

/** Shares of the largest class that make 50 and 10 of 139 pictures, as Icon-LT has it. */
const MANY_SHARE = 0.36;
const FEW_SHARE = 0.072;

/** Bounds for a small data set, in proportion to its largest class. */
export function scaledBounds(counts: ArrayLike<number>): ShotBounds {
  const largest = Math.max(0, ...Array.from(counts));
  const fewUpTo = Math.max(1, Math.round(FEW_SHARE * largest));
  return { manyAbove: Math.max(fewUpTo + 1, Math.round(MANY_SHARE * largest)), fewUpTo };
}

/** The bounds that a choice means for these training counts. */
export function shotBounds(choice: Shots, counts: ArrayLike<number>): ShotBounds {
  if (choice === 'scaled') return scaledBounds(counts);
  if (choice === 'auto') {
    const bounds = shotPresets.authors;
    return Array.from(counts).some((n) => n > bounds.manyAbove) ? bounds : scaledBounds(counts);
  }
  if (typeof choice === 'string') {
    const bounds = Object.hasOwn(shotPresets, choice) ? shotPresets[choice] : undefined;
    check(
      bounds,
      'ERR_ARGUMENT',
      () => `shots is "${choice}", expected ${Object.keys(shotPresets).join(', ')}, scaled or auto`,
    );
    return bounds;
  }
  const { manyAbove, fewUpTo } = choice;
  check(
    Number.isInteger(fewUpTo) && Number.isInteger(manyAbove) && fewUpTo >= 0 && manyAbove >= fewUpTo,
    'ERR_ARGUMENT',
    () => `shots is {manyAbove: ${manyAbove}, fewUpTo: ${fewUpTo}}, expected integers with manyAbove >= fewUpTo >= 0`,
  );
  return { manyAbove, fewUpTo };
}
