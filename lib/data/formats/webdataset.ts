import { existsSync, readdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { classNameFile, readClassNames } from './classNames.js';
import { type Complain, type Listing, type ReadOptions, SPLITS, type Split } from './listing.js';
import { pathBelow } from './paths.js';
import { label, Rows } from './rows.js';
import { tarMembers } from './tar.js';

const PICTURES = new Set(['jpg', 'jpeg', 'jpe', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif']);
/** Keys under which a sample's JSON names its class, the first there is. */
const LABEL_KEYS = ['label', 'cls', 'class', 'class_name', 'category'];
const SPLIT_WORD = /(?:^|[^a-z])(train|training|val|valid|validation|test)(?![a-z])/i;

/** Archives of a folder by split: by their names or the folders that they lie in; those that name none are train. */
export function shardsOf(dir: string): Partial<Record<Split, string[]>> {
  const shards: Partial<Record<Split, string[]>> = {};
  const add = (folder: string, fixed?: Split): void => {
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder).sort()) {
      if (name.startsWith('.') || !/\.tar(\.gz)?$|\.tgz$/i.test(name)) continue;
      const word = SPLIT_WORD.exec(name)?.[1]?.toLowerCase() ?? 'train';
      const split = fixed ?? (word.startsWith('train') ? 'train' : word === 'test' ? 'test' : 'val');
      shards[split] = [...(shards[split] ?? []), join(folder, name)];
    }
  };
  add(dir);
  for (const split of SPLITS) add(join(dir, split), split);
  return shards;
}

interface Sample {
  picture?: { offset: number; size: number; name: string };
  cls?: string;
  json?: string;
}

/** The label of a sample as text; what is wrong with it otherwise. */
function labelOf({ cls, json }: Sample): { text: string } | { why: string } {
  if (cls !== undefined) return { text: cls.trim() };
  if (json === undefined) return { why: 'has no label; expected a member .cls or .json' };
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    return { why: `has a .json that is none: ${(cause as Error).message}` };
  }
  const record = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const key = LABEL_KEYS.find((name) => Object.hasOwn(record, name));
  const found = key === undefined ? undefined : record[key];
  if (typeof found === 'string') return { text: found.trim() };
  if (Number.isSafeInteger(found)) return { text: String(found) };
  return { why: `has a .json without a label; expected one of ${LABEL_KEYS.join(', ')}, a text or a whole number` };
}

/** Where each picture lies, by id. */
type Places = Map<string, { file: string; offset: number; size: number }>;

/** Reads one archive: members whose names agree up to the first dot are one sample. */
function readShard(dir: string, file: string, rows: Rows, places: Places, complain: Complain): void {
  const samples = new Map<string, Sample>();
  const shard = relative(dir, file) || basename(file);
  for (const { name, offset, size, text } of tarMembers(file, (n) => /\.(cls|json)$/i.test(n))) {
    const below = pathBelow(name);
    if ('why' in below) {
      complain(`${file}: the member "${name}" ${below.why}; expected a path within the archive`);
      continue;
    }
    const slash = below.path.lastIndexOf('/') + 1;
    const dot = below.path.indexOf('.', slash + 1);
    if (dot < 0) continue;
    const kind = below.path.slice(dot + 1).toLowerCase();
    const key = below.path.slice(0, dot);
    if (!PICTURES.has(kind) && kind !== 'cls' && kind !== 'json') continue;
    const sample = samples.get(key) ?? {};
    samples.set(key, sample);
    const twice = kind === 'cls' || kind === 'json' ? sample[kind] !== undefined : sample.picture !== undefined;
    if (twice) complain(`${file}: the sample ${key} has two members .${kind}; expected one picture and one label`);
    else if (kind === 'cls' || kind === 'json') sample[kind] = text!;
    else sample.picture = { offset, size, name: below.path };
  }
  for (const [key, sample] of samples) {
    const { picture } = sample;
    if (!picture) {
      complain(`${file}: the sample ${key} has no picture; expected .jpg, .png or .webp`);
      continue;
    }
    const found = labelOf(sample);
    if ('why' in found) {
      complain(`${file}: the sample ${key} ${found.why}`);
      continue;
    }
    const id = `${shard}/${picture.name}`;
    places.set(id, { file, offset: picture.offset, size: picture.size });
    rows.add(id, found.text, `sample ${key} of ${shard}`);
  }
}

/**
 * Reads webdataset archives: pictures with a `.cls` (a class's name or number) or a `.json` (`label`) of the same name.
 * Nothing is unpacked: a picture is read from its place in the archive.
 */
export async function readWebdataset(
  path: string,
  dir: string,
  shards: Partial<Record<Split, string[]>>,
  _options: ReadOptions,
  complain: Complain,
): Promise<Listing> {
  const places: Places = new Map();
  const rows: Partial<Record<Split, Rows>> = {};
  for (const [split, files] of Object.entries(shards) as [Split, string[]][]) {
    const own = new Rows(files.length === 1 ? files[0]! : `${files[0]} … ${basename(files.at(-1)!)}`, complain);
    for (const file of files) {
      readShard(dir, file, own, places, complain);
      await new Promise((resolve) => setImmediate(resolve)); // reading is synchronous; signals get their turn
    }
    if (own.paths.length === 0) complain(`${own.file} holds no sample; expected pictures with .cls or .json`);
    rows[split] = own;
  }
  const nameFile = classNameFile(dir, false);
  const names = nameFile === undefined ? undefined : await readClassNames(nameFile, complain);
  const { classes, labels } = label(rows, names, complain);
  const numbers = !names && classes.every(({ key }, c) => key === String(c));
  return {
    path,
    dir,
    format: 'webdataset',
    classes,
    splits: Object.fromEntries(
      Object.entries(labels).map(([split, { paths, labels: own }]) => [
        split,
        {
          ids: paths,
          labels: own,
          input: (id: string) => ({ name: id, ...places.get(id)! }),
        },
      ]),
    ),
    ignored: [],
    warnings: numbers ? [`no file of class names: prompts will say numbers; put ${join(dir, 'labels.txt')} there`] : [],
    place: (split, c) => {
      const file = rows[split]?.file ?? `the ${split} archives of ${path}`;
      return c === undefined ? file : `class ${classes[c]?.name ?? c} in ${file}`;
    },
  };
}
