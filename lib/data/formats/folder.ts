import { join } from 'node:path';
import { cleanNames, listFolder } from '../folderListing.js';
import { type Listing, SPLITS } from './listing.js';
import { pictureFiles } from './rows.js';

/** Reads `DIR/<split>/<class>/…`; classes are the folder names of all splits in alphabetical order (by code unit). */
export async function readFolder(dir: string): Promise<Listing> {
  const { splits, ignored } = await listFolder(dir);
  // An empty folder of val or test alone makes no class.
  const named = (['val', 'test'] as const).flatMap((split) =>
    [...(splits[split] ?? [])].filter(([, files]) => files.length > 0).map(([key]) => key),
  );
  const keys = [...new Set([...(splits.train?.keys() ?? []), ...named])].sort();
  const names = cleanNames(keys);
  const listing: Listing = {
    path: dir,
    dir,
    format: 'folder',
    classes: keys.map((key, c) => ({ key, name: names[c]!, spoken: names[c]! })),
    splits: {},
    ignored,
    warnings: [],
    place: (split, c) => (c === undefined ? join(dir, split) : join(dir, split, keys[c] ?? '')),
  };
  for (const split of SPLITS) {
    const found = splits[split];
    if (!found) continue;
    const own = keys.map((key) => found.get(key) ?? []);
    const labels = Int32Array.from(own.flatMap((files, c) => files.map(() => c)));
    listing.splits[split] = pictureFiles(dir, '', own.flat(), labels);
  }
  return listing;
}
