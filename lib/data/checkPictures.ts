import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { VlltrError } from '../errors.js';
import { plural } from '../plural.js';
import { decodeFull, inParallel } from './decode.js';
import type { Note } from './findings.js';
import { type Listing, SPLITS, type Split } from './formats/listing.js';
import { mostUnreadable } from './loader/replacements.js';
import { classSizes } from './openPictures.js';

/** A picture as messages name it, and whose it is. */
interface Place {
  id: string;
  split: Split;
  label: number;
}

/** Every picture of a listing: its number over all splits in turn. */
class AllPictures {
  private readonly parts: { split: Split; from: number; ids: string[]; labels: Int32Array }[] = [];
  readonly length: number;
  constructor(private readonly listing: Listing) {
    let from = 0;
    for (const split of SPLITS) {
      const found = listing.splits[split];
      if (!found) continue;
      this.parts.push({ split, from, ids: found.ids, labels: found.labels });
      from += found.ids.length;
    }
    this.length = from;
  }
  at(n: number): Place {
    const { split, from, ids, labels } = this.parts.findLast(
      (part) => part.from <= n && n < part.from + part.ids.length,
    )!;
    return { id: ids[n - from]!, split, label: labels[n - from]! };
  }
  input(n: number) {
    const { id, split } = this.at(n);
    return this.listing.splits[split]!.input(id);
  }
}

/**
 * Notes listed pictures that are not there: every folder is read once, which takes seconds for hundreds of thousands.
 * @returns the pictures that are missing, by their numbers over all splits
 */
export async function noteMissing(listing: Listing, note: Note): Promise<Set<number>> {
  const missing = new Set<number>();
  // A folder's own pictures were found there.
  if (listing.format === 'folder') return missing;
  const names: string[] = [];
  const folders = new Map<string, { file: string; n: number }[]>();
  let n = 0;
  for (const split of SPLITS) {
    const found = listing.splits[split];
    for (const id of found?.ids ?? []) {
      const path = found!.file?.(id);
      if (path !== undefined) {
        const folder = dirname(path);
        const there = folders.get(folder);
        if (there) there.push({ file: path, n });
        else folders.set(folder, [{ file: path, n }]);
      }
      n++;
    }
  }
  for (const [folder, wanted] of folders) {
    const there = new Set(await readdir(folder).catch(() => [] as string[]));
    for (const { file, n: number } of wanted) {
      // A name that is written otherwise in Unicode is another file to most file systems.
      if (there.has(basename(file))) continue;
      missing.add(number);
      names.push(file);
    }
  }
  if (names.length) note('problem', 'missing', `${plural(names.length, 'listed picture')} not there`, names);
  return missing;
}

const show = (groups: Place[][]): string[] => groups.map((group) => group.map(({ id }) => id).join(' = '));

/** Notes groups of equal pictures by what makes them odd. */
function noteEqual(groups: Place[][], how: string, note: Note): void {
  const of = (key: (place: Place) => string | number) => (group: Place[]) => new Set(group.map(key));
  const clashing = groups.filter((group) => of((p) => p.label)(group).size > 1);
  if (clashing.length)
    note(
      'warning',
      'contradiction',
      `${plural(clashing.length, 'picture')} ${how} under more than one class`,
      show(clashing),
    );
  const leaking = groups.filter((group) => of((p) => p.split)(group).size > 1);
  if (leaking.length)
    note(
      'warning',
      'leak',
      `${plural(leaking.length, 'picture')} ${how} in more than one split; accuracy would flatter`,
      show(leaking),
    );
  const within = groups.filter((group) => of((p) => `${p.split}/${p.label}`)(group).size < group.length);
  if (within.length)
    note(
      'warning',
      'duplicate',
      `${plural(within.length, 'picture')} ${how} more than once in one class`,
      show(within),
    );
}

/** Groups of pictures with one key, in the order of their first. */
function grouped(keys: Map<string, number[]>, all: AllPictures): Place[][] {
  return [...keys.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.sort((a, b) => a - b))
    .sort((a, b) => a[0]! - b[0]!)
    .map((group) => group.map((n) => all.at(n)));
}

function add(keys: Map<string, number[]>, key: string, n: number): void {
  const same = keys.get(key);
  if (same) same.push(n);
  else keys.set(key, [n]);
}

/** Notes pictures that the lists have more than once, without opening any. */
export function noteListedTwice(listing: Listing, note: Note): void {
  const all = new AllPictures(listing);
  const keys = new Map<string, number[]>();
  for (let n = 0; n < all.length; n++) add(keys, all.at(n).id, n);
  noteEqual(grouped(keys, all), 'listed', note);
}

/** Training replaces a few of its own unreadable pictures by others of their class; evaluation replaces none. */
function noteUnreadable(listing: Listing, all: AllPictures, reasons: ReadonlyMap<number, string>, note: Note): void {
  const sorted = [...reasons].sort(([a], [b]) => a - b).map(([n, reason]) => ({ ...all.at(n), reason }));
  const inTrain = sorted.filter(({ split }) => split === 'train');
  const labels = listing.splits.train?.labels ?? new Int32Array();
  const left = classSizes(labels, listing.classes.length);
  for (const { label } of inTrain) left[label]!--;
  const replaced = inTrain.length <= mostUnreadable(labels.length) && inTrain.every(({ label }) => left[label]! > 0);
  const fatal = sorted.filter(({ split }) => split !== 'train' || !replaced);
  if (fatal.length)
    note(
      'problem',
      'unreadable',
      `${plural(fatal.length, 'picture')} cannot be read`,
      fatal.map(({ reason }) => reason),
    );
  if (inTrain.length && replaced)
    note(
      'warning',
      'unreadable',
      `${plural(inTrain.length, 'training picture')} cannot be read; in training others of their class stand in`,
      inTrain.map(({ reason }) => reason),
    );
}

/**
 * Reads and hashes every picture: pixels, not bytes, so that the same picture saved twice counts as equal.
 * @param skipped pictures that are known not to be there
 */
export async function noteContents(
  listing: Listing,
  skipped: ReadonlySet<number>,
  note: Note,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const all = new AllPictures(listing);
  const keys = new Map<string, number[]>();
  const reasons = new Map<number, string>();
  let done = 0;
  await inParallel(all.length, async (n) => {
    if (!skipped.has(n)) {
      try {
        const { data, width, height } = await decodeFull(all.input(n));
        add(keys, createHash('sha1').update(`${width}x${height}:`).update(data).digest('base64'), n);
      } catch (error) {
        if (!(error instanceof VlltrError) || error.code !== 'ERR_DATA') throw error;
        reasons.set(n, error.message);
      }
    }
    onProgress?.(++done, all.length);
  });
  noteUnreadable(listing, all, reasons, note);
  noteEqual(grouped(keys, all), 'found', note);
}
