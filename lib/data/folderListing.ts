import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { isFolder } from '../files/folder.js';
import { SPLITS, type Split } from './formats/listing.js';

/** Extensions of the pictures that sharp's prebuilt library reads. */
const EXTENSIONS = new Set('.jpg .jpeg .jpe .jfif .png .webp .gif .tif .tiff .avif .svg'.split(' '));

/** Whether a file is a picture by its extension. */
export const isPictureName = (name: string): boolean => EXTENSIONS.has(extname(name).toLowerCase());

/** What `DIR/<split>/<class>/…` holds; paths are relative to DIR, sorted. */
export interface FolderListing {
  dir: string;
  /** Pictures by class folder (NFC); `undefined` where DIR has no such split. Empty class folders are there too. */
  splits: Partial<Record<Split, Map<string, string[]>>>;
  /** Files that are no pictures by their extension, or lie outside a class folder. */
  ignored: string[];
}

async function list(dir: string): Promise<Dirent[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((cause) => {
    throw new VlltrError('ERR_DATA', `${dir} cannot be read: ${(cause as Error).message}`, { cause });
  });
  // By code unit, so that class indices do not depend on the machine's language.
  return entries
    .filter((e) => !e.name.startsWith('.'))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Folders, links to folders included. A broken link counts as a file, which is then reported as unreadable. */
async function isFolderEntry(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const target = await stat(path).catch(() => undefined);
  return target?.isDirectory() ?? false;
}

/** Every file below a folder; `above` holds the real paths of the folders above, against links in a circle. */
async function filesBelow(dir: string, above: readonly string[] = []): Promise<string[]> {
  const here = await realpath(dir);
  if (above.includes(here)) return [];
  const files: string[] = [];
  for (const entry of await list(dir)) {
    const path = join(dir, entry.name);
    if (await isFolderEntry(entry, path)) files.push(...(await filesBelow(path, [...above, here])));
    else files.push(path);
  }
  return files;
}

/** Lists `DIR/train`, `DIR/val`, `DIR/test`. Hidden files are left out, links followed, folders in a class searched. */
export async function listFolder(dir: string): Promise<FolderListing> {
  check(isFolder(dir), 'ERR_DATA', () => `${dir} is no folder; expected one that holds train/<class>/pictures`);
  const listing: FolderListing = { dir, splits: {}, ignored: [] };
  const top = await list(dir);
  for (const split of SPLITS) {
    const root = join(dir, split);
    const entry = top.find((e) => e.name === split);
    if (!entry || !(await isFolderEntry(entry, root))) continue;
    const classes = new Map<string, string[]>();
    for (const item of await list(root)) {
      const path = join(root, item.name);
      if (!(await isFolderEntry(item, path))) {
        listing.ignored.push(relative(dir, path));
        continue;
      }
      const key = item.name.normalize('NFC');
      const pictures = classes.get(key) ?? [];
      for (const file of (await filesBelow(path)).map((f) => relative(dir, f))) {
        (isPictureName(file) ? pictures : listing.ignored).push(file);
      }
      classes.set(key, pictures);
    }
    listing.splits[split] = classes;
  }
  return listing;
}

/** Class names as people write them: underscores are spaces. Where that makes two classes one, the folder names stay. */
export function cleanNames(folders: readonly string[]): string[] {
  const clean = folders.map((f) => f.replace(/[_\s]+/g, ' ').trim() || f);
  const uses = new Map<string, number>();
  for (const name of clean) uses.set(name, (uses.get(name) ?? 0) + 1);
  return clean.map((name, i) => (uses.get(name) === 1 ? name : folders[i]!));
}
