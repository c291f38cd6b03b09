import { VlltrError } from '../../errors.js';
import type { LongTailData, PairData } from '../types.js';
import { cached, defaultCacheDir, hashOf, imageSource, type OnProgress } from './cache.js';
import { DRAWING } from './draw.js';
import { drawLongTail, type LongTailIndex } from './longTail.js';
import { findIcons, SPLIT_SEED, WEB_SHARE } from './sets.js';
import { CHOICE_SEED, PRESETS, type Preset } from './split.js';
import * as synonyms from './synonyms.js';
import * as tables from './tables.js';
import { ICON_TEMPLATES, MAX_SENTENCES, wordNet, wordNetVersion } from './text.js';
import { CAPTION_WORDS, CONCEPT_TEAMS, openWeb } from './webPairs.js';

export type { OnProgress } from './cache.js';
export { PRESETS } from './split.js';

/** Raised by hand whenever the code, not a table, changes what comes out. */
const REVISION = 1;

export interface IconOptions {
  /** Where drawn pictures are kept (default `$XDG_CACHE_HOME/vl-ltr/icon-lt`). */
  readonly cacheDir?: string;
  /** Told how far the drawing is; not called when the cache serves. */
  readonly onProgress?: OnProgress;
}

/** A picture whose concept has f pictures is drawn with weight f^-0.3: common concepts stay common, but less so. */
const WEIGHT_POWER = 0.3;

/** Shot groups of Icon-LT: many > 50 training pictures, medium 11 to 50, few at most 10. */
export const ICON_SHOTS = { manyAbove: 50, fewUpTo: 10 } as const;

const plainTables = (): unknown =>
  Object.entries({ ...tables, ...synonyms }).map(([name, value]) => [
    name,
    value instanceof Set || value instanceof Map ? [...value] : value instanceof RegExp ? value.source : value,
  ]);

/** Everything that defines the data, for the cache key. */
function definition(version: string): unknown {
  return {
    REVISION,
    version,
    tables: plainTables(),
    split: [SPLIT_SEED, WEB_SHARE, CHOICE_SEED],
    drawing: DRAWING,
    wordNet: wordNetVersion(),
    text: [ICON_TEMPLATES, MAX_SENTENCES, CAPTION_WORDS, CONCEPT_TEAMS],
  };
}

function presetOf(classes: number): Preset {
  const preset = PRESETS[classes];
  if (preset) return preset;
  throw new VlltrError(
    'ERR_ARGUMENT',
    `Icon-LT with ${classes} classes: expected ${Object.keys(PRESETS).join(', ')} (12 is for tests)`,
  );
}

/**
 * Icon-LT: icons of the data set's half, 32×32 RGB on white; long-tailed training split, balanced validation and test splits
 * from icon sets that give that class no training picture.
 * @throws VlltrError ERR_DATA when the icon package is not installed, ERR_ARGUMENT for another number of classes
 */
export async function openIconLt(options: IconOptions & { readonly classes?: number } = {}): Promise<LongTailData> {
  const preset = presetOf(options.classes ?? 300);
  const icons = findIcons();
  const key = hashOf([definition(icons.version), preset]);
  const { data, pictures } = await cached<LongTailIndex>(
    options.cacheDir ?? defaultCacheDir(),
    `lt-${preset.classes}`,
    key,
    (writer) => drawLongTail(icons, preset, writer, wordNet(), options.onProgress),
  );
  const part = (kind: number) => {
    const rows = data.splits.flatMap((split, row) => (split === kind ? [row] : []));
    const labels = Int32Array.from(rows, (row) => data.labels[row]!);
    const ids = rows.map((row) => data.ids[row]!);
    return imageSource(pictures, ids, labels, rows);
  };
  return {
    name: `icon-lt-${preset.classes}`,
    classes: data.classes,
    sentences: data.sentences,
    train: part(0),
    val: part(1),
    test: part(2),
    shots: ICON_SHOTS,
  };
}

/**
 * The teacher's half: every usable icon drawn by the other design teams, with captions made of its names.
 * @throws VlltrError ERR_DATA when the icon package is not installed
 */
export async function openWebPairs(options: IconOptions = {}): Promise<PairData> {
  const root = options.cacheDir ?? defaultCacheDir();
  const icons = findIcons();
  const key = hashOf(['web', definition(icons.version)]);
  const { data, pictures } = await openWeb(icons, root, key, wordNet, options.onProgress);
  const keys = Int32Array.from(data.keys);
  const frequency = new Map<number, number>();
  for (const concept of keys) frequency.set(concept, (frequency.get(concept) ?? 0) + 1);
  return {
    images: imageSource(pictures, data.ids, keys, undefined),
    captions: data.captionSet.map((set) => data.captions[set]!),
    weights: Float64Array.from(keys, (concept) => frequency.get(concept)! ** -WEIGHT_POWER),
    keys,
  };
}
