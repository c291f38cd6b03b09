import { VlltrError } from '../errors.js';
import { plural } from '../plural.js';
import { type View, viewsEach } from '../training/views.js';
import type { ImageSource } from './types.js';

/** Views made at a time, of each of which nothing is kept. */
const AT_ONCE = 64;
/** Pictures that a message names; the rest is counted. */
const NAMED = 1000;

/** Why pictures cannot be read, a line each. */
export function reasonLines(reasons: ReadonlyMap<number, string>): string {
  const lines = [...reasons.values()].slice(0, NAMED);
  if (reasons.size > NAMED) lines.push(`… and ${plural(reasons.size - NAMED, 'more picture')}`);
  return lines.join('\n  ');
}

/** Pictures that cannot be read, where each is wanted: all of them are named. */
export class UnreadablePictures extends VlltrError {
  /**
   * @param reasons why, by the picture's index in its source, ascending
   * @param of pictures that were wanted
   */
  constructor(
    readonly reasons: ReadonlyMap<number, string>,
    of: number,
  ) {
    const lines = reasonLines(reasons);
    super('ERR_DATA', reasons.size === 1 ? lines : `${reasons.size} of ${of} pictures cannot be read:\n  ${lines}`);
  }
}

/**
 * Looks at every one of some pictures.
 * @param to height and width of the views by which they are judged
 * @returns why those that cannot be read cannot, by index, ascending; none of pictures in memory
 * @throws VlltrError ERR_IO where the file system fails
 */
export async function findUnreadable(
  images: ImageSource,
  indices: ArrayLike<number>,
  to: number,
  view: View,
): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const spared = images.sparing?.(found);
  if (!spared) return found;
  const step = Math.ceil(AT_ONCE / viewsEach(view));
  for (let from = 0; from < indices.length; from += step)
    await spared.views!(Array.prototype.slice.call(indices, from, from + step) as number[], to, view);
  return new Map([...found].sort(([a], [b]) => a - b));
}
