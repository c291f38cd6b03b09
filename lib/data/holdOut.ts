import { check } from '../errors.js';
import { random } from '../random.js';

/** @throws VlltrError ERR_ARGUMENT */
export function checkHoldOut(share: number): void {
  check(share >= 0 && share <= 0.5, 'ERR_ARGUMENT', () => `holdOut is ${share}, expected a share from 0 to 0.5`);
}

/**
 * Splits a share of a class's pictures off for validation and leaves it at least one. Which ones is a function of the
 * seed, the class's index and the list.
 */
export function holdOut(
  files: readonly string[],
  share: number,
  label: number,
  seed = 0,
): { train: string[]; val: string[] } {
  const left = [...files];
  const taken = new Set<string>();
  const draw = random(seed, 'hold-out', label);
  for (let n = Math.min(Math.round(share * files.length), files.length - 1); n > 0; n--) {
    taken.add(left.splice(draw.int(left.length), 1)[0]!);
  }
  return { train: left, val: files.filter((file) => taken.has(file)) };
}

/** Indices of the pictures that `holdOut` takes, class by class in the order of the list. */
export function heldOut(
  pictures: { ids: readonly string[]; labels: Int32Array },
  classes: number,
  share: number,
  seed = 0,
): Set<number> {
  const own = Array.from({ length: classes }, (): string[] => []);
  pictures.labels.forEach((label, i) => {
    own[label]!.push(pictures.ids[i]!);
  });
  const taken = own.map((files, label) => new Set(holdOut(files, share, label, seed).val));
  const indices = new Set<number>();
  pictures.labels.forEach((label, i) => {
    if (taken[label]!.has(pictures.ids[i]!)) indices.add(i);
  });
  return indices;
}
