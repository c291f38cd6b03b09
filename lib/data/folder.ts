import { basename, join, resolve } from 'node:path';
import { check } from '../errors.js';
import { classSentences, readClassTexts } from './classText.js';
import { decodeSquare } from './decode.js';
import { cleanNames, type FolderListing, listFolder, type Split } from './folderListing.js';
import { checkHoldOut, holdOut } from './holdOut.js';
import { PictureFiles, PixelCache } from './pictureFiles.js';
import { promptTemplates } from './prompts.js';
import { type Shots, shotBounds } from './shots.js';
import type { ImageSource, LongTailData } from './types.js';

export interface FolderOptions {
  /** Height and width in pixels: the short side is scaled to it, the rest cut at the centre. */
  imageSize: number;
  /** Shot groups, default `auto`. */
  shots?: Shots;
  /** Prompt templates with `{name}`, default CLIP's 80. */
  templates?: readonly string[];
  /** Pictures of each class, as a share (0 … 0.5), taken out of `train` for `val` where DIR has none. Default 0. */
  holdOut?: number;
  /** Chooses the pictures held out. Default 0. */
  seed?: number;
  /**
   * A picture that cannot be read: `error` (default) throws when it is asked for, `skip` decodes every picture at the
   * start and leaves such ones out with a warning.
   */
  unreadable?: 'error' | 'skip';
  /** Decoded pictures kept in memory, in bytes. Default 1 GiB. */
  cacheBytes?: number;
  /** Takes warnings; default a line on stderr. */
  warn?: (message: string) => void;
}

type Labelled = { file: string; label: number }[];

/** The class folders in order of index. Throws where training could not know a class. */
export function trainingClasses(listing: FolderListing): string[] {
  const { dir, splits } = listing;
  const train = splits.train;
  check(train, 'ERR_DATA', () => `${dir} has no folder train; expected ${join(dir, 'train')}/<class>/pictures`);
  check(
    train.size > 0,
    'ERR_DATA',
    () => `${join(dir, 'train')} has no class folders; expected train/<class>/pictures`,
  );
  const folders = [...train.keys()].sort();
  for (const folder of folders) {
    check(
      train.get(folder)!.length > 0,
      'ERR_DATA',
      () => `${join(dir, 'train', folder)} has no pictures; every class needs at least one to train on`,
    );
  }
  for (const split of ['val', 'test'] as const) {
    for (const [folder, files] of splits[split] ?? []) {
      check(
        train.has(folder) || files.length === 0,
        'ERR_DATA',
        () => `${join(dir, split, folder)} is a class that train lacks; it could never be predicted`,
      );
    }
  }
  return folders;
}

function labelled(classes: Map<string, string[]>, folders: readonly string[]): Labelled {
  return folders.flatMap((folder, label) => (classes.get(folder) ?? []).map((file) => ({ file, label })));
}

/** Splits off a share of every class that leaves it at least one picture. */
function splitVal(train: Labelled, classes: number, share: number, seed: number): { train: Labelled; val: Labelled } {
  const files = Array.from({ length: classes }, (): string[] => []);
  for (const { file, label } of train) files[label]!.push(file);
  const val = new Set(files.flatMap((own, label) => holdOut(own, share, label, seed).val));
  return { train: train.filter((p) => !val.has(p.file)), val: train.filter((p) => val.has(p.file)) };
}

/** Decodes every picture and leaves out those that fail. */
async function readable(
  dir: string,
  pictures: Labelled,
  size: number,
  cache: PixelCache,
  warn: (message: string) => void,
): Promise<Labelled> {
  const reasons = await Promise.all(
    pictures.map(({ file }) =>
      decodeSquare(join(dir, file), size).then(
        (pixels) => {
          cache.set(file, pixels);
          return undefined;
        },
        (error: Error) => error.message,
      ),
    ),
  );
  for (const reason of reasons) if (reason) warn(`${reason}; left out`);
  return pictures.filter((_, i) => reasons[i] === undefined);
}

/** The sentences of each class: prompts of its clean name, then what the folder says of it under either name. */
async function sentencesOf(
  dir: string,
  folders: readonly string[],
  names: readonly string[],
  templates: readonly string[],
): Promise<string[][]> {
  const { sentences } = await readClassTexts(dir);
  return folders.map((folder, c) => {
    const name = names[c]!;
    const keys = new Set([folder, name]);
    const all = [
      ...classSentences(name, undefined, templates),
      ...[...keys].flatMap((key) => sentences.get(key) ?? []),
    ];
    return all.length > 0 ? all : [name];
  });
}

/**
 * Opens a user's own pictures: `DIR/train/<class>/…`, optional `DIR/val` and `DIR/test`, and class text as
 * `DIR/classes.json` (`{"class": ["sentence", …]}`), `DIR/text/<class>.txt` or nothing (prompts of the names).
 * Classes are the sorted folder names of `train`. Pictures are decoded when first read.
 * Throws ERR_DATA naming the folder or file.
 */
export async function openFolder(dir: string, options: FolderOptions): Promise<LongTailData> {
  const { imageSize, shots = 'auto', templates = promptTemplates, seed = 0, unreadable = 'error' } = options;
  const { cacheBytes = 2 ** 30, warn = (message) => process.stderr.write(`warning: ${message}\n`) } = options;
  const share = options.holdOut ?? 0;
  check(
    Number.isInteger(imageSize) && imageSize >= 1,
    'ERR_ARGUMENT',
    () => `imageSize is ${imageSize}, expected a whole number of pixels >= 1`,
  );
  checkHoldOut(share);

  const listing = await listFolder(dir);
  const folders = trainingClasses(listing);
  const classes = cleanNames(folders);
  const cache = new PixelCache(cacheBytes);
  const pictures: Partial<Record<Split, Labelled>> = {};
  for (const split of ['train', 'val', 'test'] as const) {
    const found = listing.splits[split];
    if (!found) continue;
    const all = labelled(found, folders);
    const kept = unreadable === 'skip' ? await readable(dir, all, imageSize, cache, warn) : all;
    if (kept.length > 0) pictures[split] = kept;
  }
  if (!pictures.val && share > 0) {
    Object.assign(pictures, splitVal(pictures.train ?? [], folders.length, share, seed));
  }

  const source = (split: Split): ImageSource | undefined => {
    const list = pictures[split];
    if (!list || list.length === 0) return undefined;
    const files = list.map((p) => p.file);
    return new PictureFiles(
      dir,
      files,
      list.map((p) => p.label),
      imageSize,
      cache,
    );
  };
  const train = source('train');
  const counts = new Int32Array(folders.length);
  for (const { label } of pictures.train ?? []) counts[label]! += 1;
  const lost = counts.indexOf(0);
  check(train && lost < 0, 'ERR_DATA', () => `${join(dir, 'train', folders[lost] ?? '')} has no readable picture`);
  const val = source('val');
  const test = source('test');
  return {
    name: basename(resolve(dir)),
    classes,
    sentences: await sentencesOf(dir, folders, classes, templates),
    train,
    ...(val && { val }),
    ...(test && { test }),
    shots: shotBounds(shots, counts),
  };
}
