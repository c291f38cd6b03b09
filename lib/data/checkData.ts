import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { type ClassTexts, readClassTexts } from './classText.js';
import { decodeFull } from './decode.js';
import { cleanNames, type FolderListing, listFolder, SPLITS, type Split } from './folderListing.js';
import { checkHoldOut, holdOut } from './holdOut.js';
import { type ShotGroup, type Shots, shotBounds, shotGroup } from './shots.js';
import type { ShotBounds } from './types.js';

/** Something wrong with a data set. `problem`s stop training, `warning`s do not. */
export interface Finding {
  severity: 'problem' | 'warning';
  kind:
    | 'structure'
    | 'empty-class'
    | 'untrained-class'
    | 'unreadable'
    | 'text'
    | 'missing-split'
    | 'class-without-pictures'
    | 'no-text'
    | 'text-without-class'
    | 'duplicate'
    | 'leak'
    | 'contradiction'
    | 'ignored';
  message: string;
  /** The files or classes concerned. */
  items: string[];
}

export interface ClassReport {
  /** Clean name and folder. */
  name: string;
  folder: string;
  /** Pictures by split. */
  train: number;
  val: number;
  test: number;
  /** Shot group; null for a class that training lacks. */
  group: ShotGroup | null;
  /** Sentences beside the prompts. */
  sentences: number;
}

export interface DataReport {
  dir: string;
  /** Nothing stops training. */
  ok: boolean;
  /** Pictures that would be taken out of `train` for `val`, and in how many classes; null where none would. */
  heldOut: { share: number; pictures: number; classes: number } | null;
  /** Pictures by split; absent splits are left out. */
  pictures: Partial<Record<Split, number>>;
  classes: ClassReport[];
  shots: ShotBounds;
  groups: Record<ShotGroup, { classes: number; pictures: number }>;
  /** Largest training count over the smallest, null without training pictures. */
  imbalance: number | null;
  findings: Finding[];
}

export interface CheckOptions {
  /** Shot groups, default `auto`. */
  shots?: Shots;
  /** The report is of the folder as `openFolder` sees it with this share held out of `train`. Default 0. */
  holdOut?: number;
  /** Decode every picture, to find unreadable and equal ones. Default true. */
  decode?: boolean;
  onProgress?: (done: number, total: number) => void;
}

interface Picture {
  file: string;
  split: Split;
  folder: string;
}

type Note = (severity: Finding['severity'], kind: Finding['kind'], message: string, items?: string[]) => void;

const plural = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

function noteStructure(listing: FolderListing, folders: readonly string[], note: Note): void {
  const { dir, splits } = listing;
  const train = splits.train;
  if (!train) note('problem', 'structure', `no folder train; expected ${join(dir, 'train')}/<class>/pictures`);
  else if (train.size < 2)
    note('problem', 'structure', `${plural(train.size, 'class', 'classes')} in train; expected two or more`);
  const empty = [...(train ?? [])].filter(([, files]) => files.length === 0).map(([folder]) => folder);
  if (empty.length)
    note('problem', 'empty-class', `${plural(empty.length, 'class', 'classes')} without a training picture`, empty);
  for (const split of ['val', 'test'] as const) {
    const found = splits[split];
    if (!found) {
      note('warning', 'missing-split', `no folder ${split}${split === 'test' ? '; accuracy cannot be measured' : ''}`);
      continue;
    }
    const foreign = [...found].filter(([folder, files]) => files.length > 0 && !train?.has(folder)).map(([f]) => f);
    if (train && foreign.length)
      note(
        'problem',
        'untrained-class',
        `${plural(foreign.length, 'class', 'classes')} of ${split} that train lacks`,
        foreign,
      );
    const lacking = folders.filter((folder) => train?.has(folder) && !found.get(folder)?.length);
    if (lacking.length)
      note(
        'warning',
        'class-without-pictures',
        `${plural(lacking.length, 'class', 'classes')} without a picture in ${split}`,
        lacking,
      );
  }
  if (listing.ignored.length)
    note(
      'warning',
      'ignored',
      `${plural(listing.ignored.length, 'file')} ignored: no known picture type, or in no class folder`,
      listing.ignored,
    );
}

/** Reads and hashes every picture: pixels, not bytes, so that the same picture saved twice counts as equal. */
async function noteContents(
  dir: string,
  pictures: readonly Picture[],
  note: Note,
  options: CheckOptions,
): Promise<void> {
  const byHash = new Map<string, Picture[]>();
  const failed: Picture[] = [];
  const reasons: string[] = [];
  let done = 0;
  const inspect = async (picture: Picture): Promise<void> => {
    try {
      const { data, width, height } = await decodeFull(join(dir, picture.file));
      const hash = createHash('sha1').update(`${width}x${height}:`).update(data).digest('hex');
      const same = byHash.get(hash);
      if (same) same.push(picture);
      else byHash.set(hash, [picture]);
    } catch (error) {
      if (!(error instanceof VlltrError)) throw error;
      failed.push(picture);
      reasons.push(error.message);
    }
    options.onProgress?.(++done, pictures.length);
  };
  await Promise.all(pictures.map(inspect));
  if (failed.length)
    note('problem', 'unreadable', `${plural(failed.length, 'picture')} cannot be read`, reasons.sort());
  const order = new Map(pictures.map((picture, i) => [picture, i]));
  const groups = [...byHash.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.sort((a, b) => order.get(a)! - order.get(b)!))
    .sort((a, b) => order.get(a[0]!)! - order.get(b[0]!)!);
  const show = (list: Picture[][]): string[] => list.map((group) => group.map((p) => p.file).join(' = '));
  const clashing = groups.filter((group) => new Set(group.map((p) => p.folder)).size > 1);
  if (clashing.length)
    note(
      'warning',
      'contradiction',
      `${plural(clashing.length, 'picture')} found under more than one class`,
      show(clashing),
    );
  const leaking = groups.filter((group) => new Set(group.map((p) => p.split)).size > 1);
  if (leaking.length)
    note(
      'warning',
      'leak',
      `${plural(leaking.length, 'picture')} found in more than one split; accuracy would flatter`,
      show(leaking),
    );
  const within = groups.filter((group) => new Set(group.map((p) => `${p.split}/${p.folder}`)).size < group.length);
  if (within.length)
    note('warning', 'duplicate', `${plural(within.length, 'picture')} found more than once in one class`, show(within));
}

/** Sentences beside the prompts by class, and what is odd about the texts. */
async function noteTexts(dir: string, folders: string[], names: string[], note: Note): Promise<number[]> {
  let texts: ClassTexts;
  try {
    texts = await readClassTexts(dir);
  } catch (error) {
    if (!(error instanceof VlltrError)) throw error;
    note('problem', 'text', error.message);
    return folders.map(() => 0);
  }
  const count = (key: string): number => texts.sentences.get(key)?.length ?? 0;
  const counts = folders.map((folder, c) => count(folder) + (names[c] === folder ? 0 : count(names[c]!)));
  const silent = names.filter((_, c) => counts[c] === 0);
  if (silent.length)
    note(
      'warning',
      'no-text',
      `${plural(silent.length, 'class', 'classes')} without text: prompts of the name alone`,
      silent,
    );
  const known = new Set([...folders, ...names]);
  const stray = [...texts.sources].filter(([key]) => !known.has(key)).flatMap(([, sources]) => sources);
  if (stray.length)
    note(
      'warning',
      'text-without-class',
      `${plural(stray.length, 'text')} of no class; names must be those of the class folders`,
      stray,
    );
  return counts;
}

/** The listing with a share of `train` in `val`, where there is no picture in `val`. */
function withHeldOut(listing: FolderListing, share: number): FolderListing {
  const { train, val } = listing.splits;
  const has = [...(val?.values() ?? [])].some((files) => files.length > 0);
  if (share === 0 || !train || has) return listing;
  const parts = [...train.keys()].sort().map((folder, c) => [folder, holdOut(train.get(folder)!, share, c)] as const);
  const splits = {
    ...listing.splits,
    train: new Map(parts.map(([folder, part]) => [folder, part.train])),
    val: new Map(parts.map(([folder, part]) => [folder, part.val])),
  };
  return { ...listing, splits };
}

/**
 * Looks through a folder of pictures (see `openFolder`) for what would stop or spoil training. Throws ERR_DATA only
 * where there is nothing to look at; all else is in the report.
 */
export async function checkFolder(dir: string, options: CheckOptions = {}): Promise<DataReport> {
  const share = options.holdOut ?? 0;
  checkHoldOut(share);
  const found = await listFolder(dir);
  const listing = withHeldOut(found, share);
  const { splits } = listing;
  const held = listing === found ? [] : [...(splits.val?.values() ?? [])].map((files) => files.length);
  const findings: Finding[] = [];
  const note: Note = (severity, kind, message, items = []) => findings.push({ severity, kind, message, items });

  const folders = [...new Set(SPLITS.flatMap((split) => [...(splits[split]?.keys() ?? [])]))].sort();
  const names = cleanNames(folders);
  noteStructure(listing, folders, note);
  const sentences = await noteTexts(dir, folders, names, note);
  const pictures = SPLITS.flatMap((split) =>
    [...(splits[split] ?? [])].flatMap(([folder, files]) => files.map((file) => ({ file, split, folder }))),
  );
  check(
    splits.train || pictures.length > 0,
    'ERR_DATA',
    () => `${dir} has no folder train; expected train/<class>/pictures`,
  );
  if (options.decode ?? true) await noteContents(dir, pictures, note, options);

  const count = (split: Split, folder: string): number => splits[split]?.get(folder)?.length ?? 0;
  const trainCounts = folders.map((folder) => count('train', folder)).filter((n) => n > 0);
  const shots = shotBounds(options.shots ?? 'auto', trainCounts);
  const groups: DataReport['groups'] = {
    many: { classes: 0, pictures: 0 },
    medium: { classes: 0, pictures: 0 },
    few: { classes: 0, pictures: 0 },
  };
  const classes = folders.map((folder, c): ClassReport => {
    const train = count('train', folder);
    const group = train > 0 ? shotGroup(train, shots) : null;
    if (group) {
      groups[group].classes += 1;
      groups[group].pictures += train;
    }
    const name = names[c]!;
    return {
      name,
      folder,
      train,
      val: count('val', folder),
      test: count('test', folder),
      group,
      sentences: sentences[c]!,
    };
  });
  findings.sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
  return {
    dir,
    ok: findings.every((f) => f.severity !== 'problem'),
    heldOut:
      listing === found
        ? null
        : { share, pictures: held.reduce((a, b) => a + b, 0), classes: held.filter((n) => n > 0).length },
    pictures: Object.fromEntries(
      SPLITS.filter((s) => splits[s]).map((s) => [s, pictures.filter((p) => p.split === s).length]),
    ),
    classes,
    shots,
    groups,
    imbalance: trainCounts.length
      ? trainCounts.reduce((a, b) => Math.max(a, b)) / trainCounts.reduce((a, b) => Math.min(a, b))
      : null,
    findings,
  };
}
