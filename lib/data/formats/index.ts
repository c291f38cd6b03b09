import { classNameFile, readClassNames } from './classNames.js';
import { readCocoSet } from './coco.js';
import { detect } from './detect.js';
import { readFolder } from './folder.js';
import { type Complain, type Listing, type ReadOptions, refuse, type Split } from './listing.js';
import { listingOf, readLists, stem } from './lists.js';
import type { Rows } from './rows.js';
import { readTable, splitNamed } from './tables.js';
import { readWebdataset } from './webdataset.js';

/**
 * Reads what a data set lists, its pictures left alone.
 * @param path a folder, or a file: a table, a list, COCO JSON, a tar archive
 * @param complain takes what is wrong with an entry, which is then left out; default: throws at the first
 * @throws VlltrError ERR_DATA where a file cannot be read at all
 */
export async function readListing(
  path: string,
  options: ReadOptions = {},
  complain: Complain = refuse,
): Promise<Listing> {
  const source = detect(path, options.format);
  if (source.format === 'folder') return readFolder(path);
  if ('lists' in source) return readLists(path, source.dir, source.format, source.lists, options, complain);
  if ('json' in source) return readCocoSet(path, source.dir, source.format, source.json, options, complain);
  if ('shards' in source) return readWebdataset(path, source.dir, source.shards, options, complain);
  const { dir, format, tables } = source;
  const rows: Partial<Record<Split, Rows>> = {};
  for (const { file, split } of tables) {
    Object.assign(rows, await readTable(file, format, split ?? splitNamed(stem(file)), options, complain));
  }
  const own = classNameFile(dir, false);
  const names = own === undefined ? undefined : await readClassNames(own, complain);
  return listingOf({ path, dir, format, ignored: [], rows }, names, options, complain);
}
