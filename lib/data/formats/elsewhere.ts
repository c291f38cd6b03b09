import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isFolder } from '../../files/folder.js';
import { isPictureName } from '../folderListing.js';
import { SPLITS } from './listing.js';

/** Names in a folder, hidden ones left out; none where it cannot be read. */
function names(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

/** Folders looked into, at most. */
const LOOKED_AT = 50;

/**
 * What a folder without a data set may be, in half a sentence: a split of one, one that holds the data's, or the classes
 * themselves. Empty where it is nothing of the kind.
 */
export function dataElsewhere(path: string): string {
  const whole = resolve(path);
  const split = basename(whole);
  if ((SPLITS as readonly string[]).includes(split) && existsSync(join(dirname(whole), 'train'))) {
    const above = basename(path) === split ? dirname(path) : dirname(whole);
    return `; it seems to be the ${split} of a data set: name the folder that holds it, ${above}`;
  }
  const folders = names(path)
    .slice(0, LOOKED_AT)
    .filter((name) => isFolder(join(path, name)));
  const inner = folders.find((name) => isFolder(join(path, name, 'train')));
  if (inner !== undefined) return `; ${join(path, inner)} has one`;
  if (folders.some((name) => names(join(path, name)).some(isPictureName)))
    return `; its folders seem to be the classes: move them into ${join(path, 'train')}`;
  return '';
}
