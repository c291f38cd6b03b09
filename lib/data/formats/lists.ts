import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type ClassNames, classNameFile, readClassNames } from './classNames.js';
import { lineBatches } from './lines.js';
import type { Complain, Format, Listing, ReadOptions, Split } from './listing.js';
import { SPLITS } from './listing.js';
import { pictureRoot } from './pictureRoot.js';
import { label, pictureFiles, Rows } from './rows.js';

/** List files of a layout by split. */
export type SplitFiles = Partial<Record<Split, string>>;

/** Names of the list files that each layout is known by. */
export const LIST_FILES = {
  'imagenet-lt': { train: 'ImageNet_LT_train.txt', val: 'ImageNet_LT_val.txt', test: 'ImageNet_LT_test.txt' },
  'places-lt': { train: 'Places_LT_train.txt', val: 'Places_LT_val.txt', test: 'Places_LT_test.txt' },
  // The lists of "Decoupling" (Kang et al., 2020) beside iNaturalist's own JSON.
  'inaturalist-2018': { train: 'iNaturalist18_train.txt', val: 'iNaturalist18_val.txt' },
  list: { train: 'train.txt', val: 'val.txt', test: 'test.txt' },
} as const satisfies Partial<Record<Format, SplitFiles>>;

/** Files of a layout that a folder has, by split. */
export function existing(dir: string, files: SplitFiles): SplitFiles {
  return Object.fromEntries(
    Object.entries(files)
      .map(([split, name]) => [split, join(dir, name)] as const)
      .filter(([, file]) => existsSync(file)),
  );
}

/** Reads lines `relative/path.jpg label`: parted by a tab where there is one, else by the last space. */
export async function readList(file: string, complain: Complain): Promise<Rows> {
  const rows = new Rows(file, complain);
  for await (const { lines, first } of lineBatches(file)) {
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!.trim();
      if (line === '') continue;
      const tab = line.lastIndexOf('\t');
      const at = tab < 0 ? line.lastIndexOf(' ') : tab;
      if (at > 0) rows.add(line.slice(0, at).trimEnd(), line.slice(at + 1), first + i);
      else complain(`${file}:${first + i}: "${line.slice(0, 80)}" has no label; expected "relative/path.jpg label"`);
    }
  }
  if (rows.paths.length === 0) complain(`${file} lists no picture; expected lines "relative/path.jpg label"`);
  return rows;
}

/** Puts rows that were read, labels still texts, together into a listing of picture files. */
export function listingOf(
  given: Pick<Listing, 'path' | 'dir' | 'format' | 'ignored'> & { rows: Partial<Record<Split, Rows>> },
  names: ClassNames | undefined,
  options: ReadOptions,
  complain: Complain,
): Listing {
  const { rows, ...rest } = given;
  const { classes, labels } = label(rows, names, complain);
  const listing: Listing = {
    ...rest,
    classes,
    splits: {},
    warnings: [],
    place: (split, c) => {
      const file = rows[split]?.file ?? `the ${split} list of ${rest.path}`;
      return c === undefined ? file : `class ${classes[c]?.name ?? c} in ${file}`;
    },
  };
  for (const split of SPLITS) {
    const found = labels[split];
    if (!found) continue;
    const { base, prefix } = pictureRoot(rest.dir, split, found.paths, options);
    listing.splits[split] = pictureFiles(base, prefix, found.paths, found.labels);
    const { repeated, file } = rows[split]!;
    if (repeated.length)
      listing.warnings.push(
        `${file} lists ${repeated.length} pictures again, ${repeated[0]} for one; each counts again`,
      );
  }
  if (!names && classes.every(({ key }, c) => key === String(c)))
    listing.warnings.push(
      `no file of class names: prompts will say numbers; put ${join(rest.dir, 'labels.txt')} there`,
    );
  return listing;
}

/** Reads the lists of ImageNet-LT, Places-LT, iNaturalist 2018 (in Decoupling's form) or one's own. */
export async function readLists(
  path: string,
  dir: string,
  format: keyof typeof LIST_FILES,
  files: SplitFiles,
  options: ReadOptions,
  complain: Complain,
): Promise<Listing> {
  const rows: Partial<Record<Split, Rows>> = {};
  for (const [split, file] of Object.entries(files) as [Split, string][]) rows[split] = await readList(file, complain);
  const own = classNameFile(dir, format === 'inaturalist-2018');
  const names = own === undefined ? undefined : await readClassNames(own, complain);
  return listingOf({ path, dir, format, ignored: [], rows }, names, options, complain);
}

/** The name of a file without its folder and extension, for guessing its split. */
export const stem = (file: string): string => basename(file).replace(/\.[^.]*$/, '');
