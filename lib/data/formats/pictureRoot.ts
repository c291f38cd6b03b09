import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expectImages } from './expectData.js';
import type { ReadOptions, Split } from './listing.js';

/** Paths tried before a folder is taken to hold the pictures: the first may be the one that is missing. */
const TRIED = 20;

/** Where the pictures of a split lie: `base`, and a folder in it that their paths leave out. */
export interface PictureRoot {
  base: string;
  prefix: string;
}

/**
 * Finds the folder that paths of a list start from: the one that was named, the data's own, or one of the usual ones in
 * it (`images`, `train`, `train2017`, …), whichever has one of the first pictures.
 */
export function pictureRoot(
  dir: string,
  split: Split,
  paths: readonly string[],
  options: ReadOptions,
  others: readonly string[] = [],
): PictureRoot {
  const base = options.images === undefined ? dir : resolve(options.images);
  expectImages(base);
  const prefixes = ['', 'images', split, `images/${split}`, ...others, ...others.map((name) => `images/${name}`)];
  const first = paths.slice(0, TRIED);
  const found = prefixes.find((prefix) => first.some((path) => existsSync(join(base, prefix, path))));
  return { base, prefix: found ?? '' };
}
