import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { check, VlltrError } from '../../errors.js';
import { isFolder } from '../../files/folder.js';
import { dataElsewhere } from './elsewhere.js';
import { expectData, FOLDER_LOOKS } from './expectData.js';
import { FORMATS, type Format, SPLITS, type Split } from './listing.js';
import { existing, LIST_FILES, type SplitFiles } from './lists.js';
import type { TableFormat } from './tables.js';
import { shardsOf } from './webdataset.js';

/** What of a data set is read: its layout and the files that say what it holds. */
export type Source =
  | { format: 'folder'; dir: string }
  | { format: keyof typeof LIST_FILES; dir: string; lists: SplitFiles }
  | { format: 'coco' | 'inaturalist-2018'; dir: string; json: SplitFiles }
  | { format: TableFormat; dir: string; tables: { file: string; split?: Split }[] }
  | { format: 'webdataset'; dir: string; shards: Partial<Record<Split, string[]>> };

/** Tables that hold all splits, by the names that people give them. */
const WHOLE_TABLES = ['data', 'dataset', 'metadata', 'images', 'pictures', 'annotations', 'all'];
const INAT_FILES = { train: 'train2018.json', val: 'val2018.json', test: 'test2018.json' };
/** What each layout looks like, for messages. */
const LOOKS: Record<Format, string> = {
  folder: FOLDER_LOOKS,
  'imagenet-lt': LIST_FILES['imagenet-lt'].train,
  'places-lt': LIST_FILES['places-lt'].train,
  'inaturalist-2018': `${INAT_FILES.train} or ${LIST_FILES['inaturalist-2018'].train}`,
  list: 'train.txt',
  csv: 'train.csv, or data.csv, with a column split if all splits are in it',
  tsv: 'train.tsv, or data.tsv with a column split',
  jsonl: 'train.jsonl, or data.jsonl with a key split',
  coco: 'train.json or annotations/instances_train….json',
  webdataset: 'train….tar',
};

const hasFolders = (dir: string): boolean => readdirSync(dir, { withFileTypes: true }).some((e) => !e.isFile());

const some = (files: SplitFiles): boolean => Object.keys(files).length > 0;

function tablesOf(dir: string, format: TableFormat): { file: string; split?: Split }[] {
  const splits = SPLITS.map((split) => ({ file: join(dir, `${split}.${format}`), split })).filter((t) =>
    existsSync(t.file),
  );
  if (splits.length > 0) return splits;
  const whole = WHOLE_TABLES.map((name) => ({ file: join(dir, `${name}.${format}`) })).filter((t) =>
    existsSync(t.file),
  );
  check(whole.length < 2, 'ERR_DATA', () => {
    return `${dir} has ${whole.map((t) => basename(t.file)).join(' and ')}; expected one of them, or name the file as the data`;
  });
  return whole;
}

/** COCO JSON by split: `train.json`, or the only one in `annotations` whose name says the split (captions and the like aside). */
function cocoFiles(dir: string): SplitFiles {
  const plain = existing(dir, { train: 'train.json', val: 'val.json', test: 'test.json' });
  const folder = join(dir, 'annotations');
  if (some(plain) || !existsSync(folder)) return plain;
  const names = readdirSync(folder).filter(
    (name) => name.endsWith('.json') && !/^(captions|person|panoptic|stuff)/.test(name),
  );
  return Object.fromEntries(
    SPLITS.flatMap((split) => {
      const fit = names.filter((name) => name.includes(split));
      return fit.length === 1 ? [[split, join(folder, fit[0]!)]] : [];
    }),
  );
}

/** The files of one layout that a folder has; undefined where it has none. */
function look(dir: string, format: Format): Source | undefined {
  switch (format) {
    case 'folder':
      return isFolder(join(dir, 'train')) ? { format, dir } : undefined;
    case 'inaturalist-2018': {
      const json = existing(dir, INAT_FILES);
      // The authors' instructions call it val.json.
      if (json.train && !json.val) Object.assign(json, existing(dir, { val: 'val.json' }));
      if (some(json)) return { format, dir, json };
      const lists = existing(dir, LIST_FILES[format]);
      return some(lists) ? { format, dir, lists } : undefined;
    }
    case 'imagenet-lt':
    case 'places-lt':
    case 'list': {
      const lists = existing(dir, LIST_FILES[format]);
      return some(lists) ? { format, dir, lists } : undefined;
    }
    case 'coco': {
      const json = cocoFiles(dir);
      return some(json) ? { format, dir, json } : undefined;
    }
    case 'webdataset': {
      const shards = shardsOf(dir);
      return Object.keys(shards).length > 0 ? { format, dir, shards } : undefined;
    }
    default: {
      const tables = tablesOf(dir, format);
      return tables.length > 0 ? { format, dir, tables } : undefined;
    }
  }
}

/** What a single file is by its name. */
const KINDS: Record<string, Format> = {
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'coco',
  '.txt': 'list',
  '.tar': 'webdataset',
};
const kindOf = (file: string): Format | undefined => KINDS[extname(file).toLowerCase()];

/** The published data sets, and what a single file of theirs is. */
const PUBLISHED_FORMATS = { 'imagenet-lt': 'list', 'places-lt': 'list', 'inaturalist-2018': 'coco' } as const;

/** Why data is not laid out as a published data set is; undefined where it is, or where there is none. */
export function unlike(path: string, format: keyof typeof PUBLISHED_FORMATS): string | undefined {
  const fits = isFolder(path) ? look(path, format) : !existsSync(path) || kindOf(path) === PUBLISHED_FORMATS[format];
  return fits ? undefined : `${path} has no data of the format ${format} (${LOOKS[format]})`;
}

/** One file as a data set. */
function ofFile(file: string, asked: Format | undefined): Source {
  const dir = dirname(file);
  const format = asked ?? kindOf(file);
  switch (format) {
    case 'csv':
    case 'tsv':
    case 'jsonl':
      return { format, dir, tables: [{ file }] };
    case 'coco':
    case 'inaturalist-2018':
      return { format, dir, json: { train: file } };
    case 'imagenet-lt':
    case 'places-lt':
    case 'list':
      return { format, dir, lists: { train: file } };
    case 'webdataset':
      return { format, dir, shards: { train: [file] } };
    default:
      throw new VlltrError('ERR_DATA', `${file} is a file; expected a folder, or ${Object.keys(KINDS).join(', ')}`);
  }
}

/**
 * Finds out how a data set is laid out. The published data sets are known by the names of their lists; of other layouts a
 * folder must have one alone.
 * @throws VlltrError ERR_DATA where there is none, or more than one
 */
export function detect(path: string, asked?: Format): Source {
  expectData(path);
  if (!isFolder(path)) return ofFile(path, asked);
  if (asked !== undefined) {
    const source = look(path, asked);
    if (source) return source;
    check(
      asked !== 'folder',
      'ERR_DATA',
      () => `${path} has no folder train; expected ${join(path, 'train')}/<class>/pictures${dataElsewhere(path)}`,
    );
    throw new VlltrError('ERR_DATA', `${path} has no data of the format ${asked}; expected ${LOOKS[asked]}`);
  }
  const published = (Object.keys(PUBLISHED_FORMATS) as Format[]).flatMap((f) => look(path, f) ?? []);
  const others = published.length > 0 ? [] : FORMATS.slice(FORMATS.indexOf('list')).flatMap((f) => look(path, f) ?? []);
  const folder = look(path, 'folder');
  const sources: Source[] = published.length > 0 ? published : others;
  // Pictures of a list may lie in train, too; folders in it are classes of their own, and a train.tar beside them their source.
  if (folder && published.length === 0) {
    if (others.length === 0) sources.push(folder);
    else if (!hasFolders(join(path, 'train'))) return onlyOne(path, sources);
    else if (others.every(({ format }) => format === 'webdataset')) return folder;
    else sources.push(folder);
  }
  return onlyOne(path, sources);
}

/** @throws VlltrError ERR_DATA naming what there is */
function onlyOne(path: string, sources: readonly Source[]): Source {
  check(sources.length > 0, 'ERR_DATA', () => {
    return `${path} has no folder train; expected ${join(path, 'train')}/<class>/pictures, or another known layout (vl-ltr check --help)${dataElsewhere(path)}`;
  });
  check(sources.length === 1, 'ERR_DATA', () => {
    const which = sources.map(({ format }) => `${format} (${LOOKS[format]})`).join(' or ');
    return `${path} can be read as ${which}; say which with --format`;
  });
  return sources[0]!;
}
