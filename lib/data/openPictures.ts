import { basename, resolve } from 'node:path';
import { check } from '../errors.js';
import { type ClassTextOptions, corpusText } from './classText.js';
import { decodeFull, inParallel } from './decode.js';
import { readListing } from './formats/index.js';
import { type Listing, type Pictures, type ReadOptions, SPLITS, type Split } from './formats/listing.js';
import { checkHoldOut, heldOut } from './holdOut.js';
import { ViewPool } from './loader/pool.js';
import { mostUnreadable, Replacements } from './loader/replacements.js';
import { PictureFiles } from './pictureFiles.js';
import { homeCheck } from './picturesHome.js';
import { type Shots, shotBounds } from './shots.js';
import type { ImageSource, LongTailData } from './types.js';
import { lastingRefusal } from './whyUnreadable.js';

export interface OpenOptions extends ReadOptions, ClassTextOptions {
  /** Height and width in pixels: the short side is scaled to it, the rest cut at the centre. */
  imageSize: number;
  /** Shot groups, default `auto`. */
  shots?: Shots;
  /** Pictures of each class, as a share (0 … 0.5), taken out of `train` for `val` where there is none. Default 0. */
  holdOut?: number;
  /** Chooses the pictures held out. Default 0. */
  seed?: number;
  /**
   * A picture that cannot be read: `error` (default) throws when it is asked for, `skip` decodes every picture at the
   * start and leaves such ones out with a warning.
   */
  unreadable?: 'error' | 'skip';
  /** Threads that decode pictures and make views; no number depends on it. Default: as many as cores, at most 16. */
  workers?: number;
  /**
   * Training pictures that may be found unreadable, each replaced by the next of its class with a warning, before that is an
   * error. Default: 0.1 % of them, at least 10. Holds for training and for scoring anchors; pictures of val and test are
   * never replaced.
   */
  maxUnreadable?: number;
  /** Takes warnings; default a line on stderr. */
  warn?: (message: string) => void;
}

export type FolderOptions = Omit<OpenOptions, 'format' | 'images' | 'columns'>;

/** Pictures of each class. */
export function classSizes(labels: Int32Array, classes: number): Int32Array {
  const counts = new Int32Array(classes);
  for (const label of labels) counts[label]! += 1;
  return counts;
}

/** Refuses a listing from which training could not know a class. @throws VlltrError ERR_DATA */
function checkTrainable({ path, classes, splits, place, format }: Listing): void {
  const { train } = splits;
  const folders = format === 'folder';
  check(train, 'ERR_DATA', () => {
    return folders
      ? `${path} has no folder train; expected ${place('train')}/<class>/pictures`
      : `${path} has no training pictures; it lists ${Object.keys(splits).join(' and ') || 'none'}`;
  });
  check(classes.length > 0, 'ERR_DATA', () => {
    return `${place('train')} has no class${folders ? ' folders; expected train/<class>/pictures' : 'es'}`;
  });
  const counts = classSizes(train.labels, classes.length);
  const others = (['val', 'test'] as const).flatMap((split) => (splits[split] ? [{ split, ...splits[split] }] : []));
  for (const [c, count] of counts.entries()) {
    if (count > 0) continue;
    const split = others.find(({ labels }) => labels.includes(c))?.split;
    check(!split, 'ERR_DATA', () => `${place(split!, c)} is a class that train lacks; it could never be predicted`);
    check(false, 'ERR_DATA', () => `${place('train', c)} has no pictures; every class needs at least one to train on`);
  }
}

/** The pictures for which `kept` holds. */
function filtered(pictures: Pictures, kept: (i: number) => boolean): Pictures {
  return {
    ...pictures,
    ids: pictures.ids.filter((_, i) => kept(i)),
    labels: pictures.labels.filter((_, i) => kept(i)),
  };
}

/** Decodes every picture and leaves out those that fail. */
async function readable(pictures: Pictures, warn: (message: string) => void): Promise<Pictures> {
  const { ids, input } = pictures;
  const reasons = new Map<number, string>();
  const served = homeCheck(pictures);
  await inParallel(ids.length, async (i) => {
    const reason = await lastingRefusal(() => decodeFull(input(ids[i]!)), served);
    if (reason !== undefined) reasons.set(i, reason);
  });
  for (const i of [...reasons.keys()].sort((a, b) => a - b)) warn(`${reasons.get(i)}; left out`);
  return reasons.size === 0 ? pictures : filtered(pictures, (i) => !reasons.has(i));
}

/** Takes a share of every class's training pictures for validation. */
export function splitVal(
  train: Pictures,
  classes: number,
  share: number,
  seed = 0,
): { train: Pictures; val: Pictures } {
  const val = heldOut(train, classes, share, seed);
  return { train: filtered(train, (i) => !val.has(i)), val: filtered(train, (i) => val.has(i)) };
}

/**
 * Opens a user's own pictures in any known layout (`lib/data/formats`), found out unless `format` says it, with class text
 * as `wiki/desc_<index>.txt`, `classes.json` (`{"class": ["sentence", …]}`), `text/<class>.txt` or nothing (prompts of
 * the names). Pictures are decoded when they are asked for.
 * @param path a folder, or a table, list, JSON or archive
 * @throws VlltrError ERR_DATA naming the file, the place in it and what was expected
 */
export async function openPictures(path: string, options: OpenOptions): Promise<LongTailData> {
  const { imageSize, shots = 'auto', seed = 0, unreadable = 'error' } = options;
  const { warn = (message) => process.stderr.write(`warning: ${message}\n`) } = options;
  const share = options.holdOut ?? 0;
  check(
    Number.isInteger(imageSize) && imageSize >= 1,
    'ERR_ARGUMENT',
    () => `imageSize is ${imageSize}, expected a whole number of pixels >= 1`,
  );
  checkHoldOut(share);
  const { maxUnreadable } = options;
  check(
    maxUnreadable === undefined || (Number.isSafeInteger(maxUnreadable) && maxUnreadable >= 0),
    'ERR_ARGUMENT',
    () => `maxUnreadable is ${maxUnreadable}, expected a whole number of pictures >= 0`,
  );
  const pool = new ViewPool(options.workers);

  const listing = await readListing(path, options);
  checkTrainable(listing);
  for (const warning of listing.warnings) warn(warning);
  const { classes, dir } = listing;
  const pictures: Partial<Record<Split, Pictures>> = {};
  for (const split of SPLITS) {
    const found = listing.splits[split];
    if (!found) continue;
    const kept = unreadable === 'skip' ? await readable(found, warn) : found;
    if (kept.ids.length > 0) pictures[split] = kept;
  }
  let held = 0;
  if (!pictures.val && pictures.train && share > 0) {
    const parts = splitVal(pictures.train, classes.length, share, seed);
    held = parts.val.ids.length;
    pictures.train = parts.train;
    if (held > 0) pictures.val = parts.val;
  }

  const source = (split: Split): ImageSource | undefined => {
    const found = pictures[split];
    if (!found) return undefined;
    const limit = maxUnreadable ?? mostUnreadable(found.ids.length);
    const served = homeCheck(found);
    const loading = {
      pool,
      served,
      ...(split === 'train' && { replacements: new Replacements(found.ids, found.labels, limit, warn, served) }),
    };
    return new PictureFiles(found.ids, found.labels, found.input, imageSize, loading);
  };
  const train = source('train');
  const counts = classSizes(train?.labels ?? new Int32Array(), classes.length);
  const lost = counts.indexOf(0);
  check(train && lost < 0, 'ERR_DATA', () => `${listing.place('train', Math.max(0, lost))} has no readable picture`);
  const val = source('val');
  const test = source('test');
  return {
    name: basename(resolve(path)),
    classes: classes.map(({ name }) => name),
    sentences: (await corpusText(dir, classes, options)).sentences,
    train,
    ...(val && { val }),
    ...(test && { test }),
    shots: shotBounds(shots, counts),
    ...(held > 0 && { heldOut: held }),
    dispose: () => pool.dispose(),
  };
}

/** Opens pictures in folders: `DIR/train/<class>/…`, optional `DIR/val` and `DIR/test`; see `openPictures`. */
export function openFolder(dir: string, options: FolderOptions): Promise<LongTailData> {
  return openPictures(dir, { ...options, format: 'folder' });
}
