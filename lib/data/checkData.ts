import { check, VlltrError } from '../errors.js';
import { plural } from '../plural.js';
import { noteContents, noteListedTwice, noteMissing } from './checkPictures.js';
import { type ClassTextOptions, corpusText } from './classText.js';
import { type Finding, Findings, type Note } from './findings.js';
import { readListing } from './formats/index.js';
import { Complaints, type Format, type Listing, type ReadOptions, SPLITS, type Split } from './formats/listing.js';
import { checkHoldOut } from './holdOut.js';
import { noteOfficial } from './official.js';
import { classSizes, splitVal } from './openPictures.js';
import { type ShotGroup, type Shots, shotBounds, shotGroup } from './shots.js';
import type { ShotBounds } from './types.js';

export interface ClassReport {
  /** Clean name, and what the data calls it (a folder, an id). */
  name: string;
  key: string;
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
  path: string;
  format: Format;
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

export interface CheckOptions extends ReadOptions, ClassTextOptions {
  /** Shot groups, default `auto`. */
  shots?: Shots;
  /** The report is of the data as `openPictures` sees it with this share held out of `train`. Default 0. */
  holdOut?: number;
  /** Decode every picture, to find unreadable and equal ones. Default true. */
  decode?: boolean;
  onProgress?: (done: number, total: number) => void;
}

type Counts = Record<Split, Int32Array>;

function noteStructure(listing: Listing, counts: Counts, note: Note): void {
  const { classes, splits, place, ignored, format } = listing;
  const folders = format === 'folder';
  const named = (wanted: (c: number) => boolean): string[] =>
    classes.filter((_, c) => wanted(c)).map(({ key, name }) => (folders ? key : name));
  const trained = counts.train.filter((n) => n > 0).length;
  if (!splits.train)
    note(
      'problem',
      'structure',
      folders ? `no folder train; expected ${place('train')}/<class>/pictures` : 'no training pictures',
    );
  else if (trained < 2 && classes.length < 2)
    note('problem', 'structure', `${plural(trained, 'class', 'classes')} in train; expected two or more`);
  const empty = named((c) => counts.train[c] === 0 && counts.val[c] === 0 && counts.test[c] === 0);
  if (splits.train && empty.length)
    note('problem', 'empty-class', `${plural(empty.length, 'class', 'classes')} without a training picture`, empty);
  for (const split of ['val', 'test'] as const) {
    if (!splits[split]) {
      if (split === 'test' && format === 'inaturalist-2018' && splits.val) continue; // its labels are not public
      const none = folders ? `no folder ${split}` : `no ${split} pictures`;
      note(
        'warning',
        'missing-split',
        `${none}${split === 'test' && !splits.val ? '; accuracy cannot be measured' : ''}`,
      );
      continue;
    }
    const foreign = named((c) => counts[split][c]! > 0 && counts.train[c] === 0);
    if (splits.train && foreign.length)
      note(
        'problem',
        'untrained-class',
        `${plural(foreign.length, 'class', 'classes')} of ${split} that train lacks`,
        foreign,
      );
    const lacking = named((c) => counts.train[c]! > 0 && counts[split][c] === 0);
    if (lacking.length)
      note(
        'warning',
        'class-without-pictures',
        `${plural(lacking.length, 'class', 'classes')} without a picture in ${split}`,
        lacking,
      );
  }
  if (ignored.length) {
    const why = folders ? ': no known picture type, or in no class folder' : '';
    note('warning', 'ignored', `${plural(ignored.length, 'file')} ignored${why}`, ignored);
  }
}

/** Sentences beside the prompts by class, and what is odd about the texts. */
async function noteTexts({ dir, classes }: Listing, options: ClassTextOptions, note: Note): Promise<number[]> {
  try {
    const { own, stray } = await corpusText(dir, classes, options);
    const silent = classes.filter((_, c) => own[c] === 0).map(({ name }) => name);
    if (silent.length)
      note(
        'warning',
        'no-text',
        `${plural(silent.length, 'class', 'classes')} without text: prompts of the name alone`,
        silent,
      );
    if (stray.length)
      note(
        'warning',
        'text-without-class',
        `${plural(stray.length, 'text')} of no class; expected the name of a class, or its index in wiki/desc_<index>.txt`,
        stray,
      );
    return own;
  } catch (error) {
    if (!(error instanceof VlltrError)) throw error;
    note('problem', 'text', error.message);
    return classes.map(() => 0);
  }
}

/** The listing with a share of `train` in `val`, where there is no picture in `val`. */
function withHeldOut(listing: Listing, share: number): Listing {
  const { train, val } = listing.splits;
  if (share === 0 || !train || (val && val.ids.length > 0)) return listing;
  return { ...listing, splits: { ...listing.splits, ...splitVal(train, listing.classes.length, share) } };
}

/**
 * Looks through a data set (see `openPictures`) for what would stop or spoil training. Throws ERR_DATA only where there is
 * nothing to look at; all else is in the report.
 */
export async function checkData(path: string, options: CheckOptions = {}): Promise<DataReport> {
  const share = options.holdOut ?? 0;
  checkHoldOut(share);
  const findings = new Findings();
  const { note } = findings;
  const complaints = new Complaints();
  const found = await readListing(path, options, complaints.add);
  if (complaints.count > 0) {
    const { messages, count } = complaints;
    const more = count > messages.length ? [`… and ${count - messages.length} more`] : [];
    note('problem', 'format', `${plural(count, 'entry', 'entries')} cannot be used`, [...messages, ...more]);
  }
  for (const warning of found.warnings) note('warning', 'format', warning);
  const listing = withHeldOut(found, share);
  const { splits, classes } = listing;
  const total = SPLITS.reduce((sum, split) => sum + (splits[split]?.ids.length ?? 0), 0);
  const empty =
    listing.format === 'folder'
      ? `${path} has no folder train; expected train/<class>/pictures`
      : `${path} lists no picture`;
  check(splits.train || total > 0 || complaints.count > 0, 'ERR_DATA', () => empty);

  const count = (split: Split): Int32Array => classSizes(splits[split]?.labels ?? new Int32Array(), classes.length);
  const counts: Counts = { train: count('train'), val: count('val'), test: count('test') };
  noteStructure(listing, counts, note);
  const sentences = await noteTexts(listing, options, note);
  const missing = await noteMissing(listing, note);
  noteOfficial(found, classSizes(found.splits.train?.labels ?? new Int32Array(), classes.length), missing.size, note);
  if (options.decode ?? true) await noteContents(listing, missing, note, options.onProgress);
  else noteListedTwice(listing, note);

  const trainCounts = counts.train.filter((n) => n > 0);
  const shots = shotBounds(options.shots ?? 'auto', trainCounts);
  const groups: DataReport['groups'] = {
    many: { classes: 0, pictures: 0 },
    medium: { classes: 0, pictures: 0 },
    few: { classes: 0, pictures: 0 },
  };
  const reports = classes.map(({ name, key }, c): ClassReport => {
    const [train, val, test] = SPLITS.map((split) => counts[split][c]!) as [number, number, number];
    const group = train > 0 ? shotGroup(train, shots) : null;
    if (group) {
      groups[group].classes += 1;
      groups[group].pictures += train;
    }
    return { name, key, train, val, test, group, sentences: sentences[c]! };
  });
  const listed = findings.list();
  return {
    path,
    format: listing.format,
    ok: listed.every((f) => f.severity !== 'problem'),
    heldOut:
      listing === found
        ? null
        : { share, pictures: splits.val?.ids.length ?? 0, classes: counts.val.filter((n) => n > 0).length },
    pictures: Object.fromEntries(SPLITS.filter((s) => splits[s]).map((s) => [s, splits[s]!.ids.length])),
    classes: reports,
    shots,
    groups,
    imbalance: trainCounts.length
      ? trainCounts.reduce((a, b) => Math.max(a, b)) / trainCounts.reduce((a, b) => Math.min(a, b))
      : null,
    findings: listed,
  };
}
