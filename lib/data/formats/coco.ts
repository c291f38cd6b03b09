import { basename } from 'node:path';
import { check } from '../../errors.js';
import { type ClassNames, classEntries, classNameFile, readClassNames, spokenName } from './classNames.js';
import { jsonElements } from './jsonElements.js';
import { type Complain, type Format, type Listing, type ReadOptions, SPLITS, type Split } from './listing.js';
import type { SplitFiles } from './lists.js';
import { pictureRoot } from './pictureRoot.js';
import { pictureFiles, Rows } from './rows.js';

type Id = number | string;
const isId = (value: unknown): value is Id => Number.isSafeInteger(value) || typeof value === 'string';
const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? 'absent';

/** What one COCO-style file says: pictures with the category of each, as ids. */
interface CocoFile {
  rows: Rows;
  /** Category of each row. */
  categories: Id[];
  /** `categories` of the file: id and name; undefined where it has none. */
  names?: { id: Id; name: string }[];
  /** Whether it has labels at all: the files of test splits often have none. */
  labelled: boolean;
}

/**
 * Reads `{"images": [{"id", "file_name"}], "annotations": [{"image_id", "category_id"}], "categories": [{"id", "name"}]}`
 * and joins it on the ids. Annotations of one picture must agree on its category: boxes of several categories are no
 * single label.
 */
async function readCoco(file: string, complain: Complain): Promise<CocoFile> {
  const number = new Map<Id, number>(); // of a picture by its id
  const ids: Id[] = [];
  const files: string[] = [];
  const places: number[] = [];
  const marks: { image: Id; category: Id; at: number }[] = [];
  const names: { id: Id; name: string }[] = [];
  const known = new Set<Id>();
  const found = new Set<string>();
  const read: Record<string, (entry: Record<string, unknown>, at: number) => void> = {
    images: ({ id, file_name: name }, at) => {
      if (!isId(id) || typeof name !== 'string')
        return complain(
          `${file}: images[${at}] has id ${show(id)} and file_name ${show(name)}, expected a number and a text`,
        );
      if (number.has(id))
        return complain(
          `${file}: images[${at}] has the id ${id} of images[${places[number.get(id)!]}]; expected ids used once`,
        );
      number.set(id, ids.length);
      ids.push(id);
      files.push(name);
      places.push(at);
    },
    annotations: ({ image_id: image, category_id: category }, at) => {
      if (isId(image) && isId(category)) marks.push({ image, category, at });
      else
        complain(
          `${file}: annotations[${at}] has image_id ${show(image)} and category_id ${show(category)}, expected numbers`,
        );
    },
    categories: ({ id, name }, at) => {
      if (!isId(id) || typeof name !== 'string' || name.trim() === '')
        return complain(
          `${file}: categories[${at}] has id ${show(id)} and name ${show(name)}, expected a number and a text`,
        );
      if (known.has(id)) return complain(`${file}: categories[${at}] has the id ${id} again; expected ids used once`);
      known.add(id);
      names.push({ id, name: name.trim() });
    },
  };
  for await (const { key, from, values } of jsonElements(file, Object.keys(read))) {
    found.add(key);
    values.forEach((value, i) => {
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        read[key]!(value as Record<string, unknown>, from + i);
      else complain(`${file}: ${key}[${from + i}] is ${show(value)}, expected an object`);
    });
  }
  check(
    found.has('images'),
    'ERR_DATA',
    () => `${file} has no "images"; expected {"images": […], "annotations": […], …}`,
  );
  const own = found.has('categories') ? names : undefined;
  const rows = new Rows(file, complain);
  if (!found.has('annotations')) return { rows, categories: [], names: own, labelled: false };
  const category: (Id | undefined)[] = new Array(ids.length);
  for (const mark of marks) {
    const i = number.get(mark.image);
    if (i === undefined)
      complain(`${file}: annotations[${mark.at}] is of image ${show(mark.image)}, which "images" lacks`);
    else if (category[i] !== undefined && category[i] !== mark.category)
      complain(
        `${file}: annotations[${mark.at}] gives ${files[i]} category ${mark.category}, another ${category[i]}; expected one`,
      );
    else if (own && !known.has(mark.category))
      complain(`${file}: annotations[${mark.at}] has category ${show(mark.category)}, which "categories" lacks`);
    else category[i] = mark.category;
  }
  const categories: Id[] = [];
  files.forEach((name, i) => {
    const at = `images[${places[i]}]`;
    if (category[i] === undefined) {
      complain(`${file}: ${at}, ${name}, has no annotation; expected one`);
      return;
    }
    const before = rows.paths.length;
    rows.add(name, String(category[i]), at);
    if (rows.paths.length > before) categories.push(category[i]);
  });
  return { rows, categories, names: own, labelled: true };
}

const byId = (a: Id, b: Id): number =>
  typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'number' ? -1 : 1;

/**
 * The classes in the order of their ids: those of `categories.json` (iNaturalist 2018: the names that the JSON itself
 * hides behind numbers) where its ids are the categories', else those of the file that trains.
 */
function classesOf(
  read: Partial<Record<Split, CocoFile>>,
  outer: ClassNames | undefined,
): { entries: ClassNames['classes']; index: Map<Id, number> } {
  const own = new Map<Id, string>();
  for (const { names } of Object.values(read))
    for (const { id, name } of names ?? []) if (!own.has(id)) own.set(id, name);
  if (own.size === 0)
    for (const { categories } of Object.values(read)) for (const id of categories) own.set(id, String(id));
  const ids = [...own.keys()].sort(byId);
  const entries =
    outer?.classes ?? classEntries(ids.map((id) => ({ key: String(id), name: spokenName(own.get(id)!) })));
  if (!outer) return { entries, index: new Map(ids.map((id, c) => [id, c])) };
  const keys = new Map(entries.map(({ key }, c) => [key, c]));
  return { entries, index: new Map(ids.flatMap((id) => (keys.has(String(id)) ? [[id, keys.get(String(id))!]] : []))) };
}

/** Reads COCO-style JSON, one file a split; iNaturalist 2018 is such a set. */
export async function readCocoSet(
  path: string,
  dir: string,
  format: Extract<Format, 'coco' | 'inaturalist-2018'>,
  files: SplitFiles,
  options: ReadOptions,
  complain: Complain,
): Promise<Listing> {
  const read: Partial<Record<Split, CocoFile>> = {};
  const ignored: string[] = [];
  for (const split of SPLITS) {
    const file = files[split];
    if (file === undefined) continue;
    const found = await readCoco(file, complain);
    if (found.labelled) read[split] = found;
    else ignored.push(`${file} (no annotations)`);
  }
  const own = classNameFile(dir, true);
  const outer = own?.endsWith('.json') ? await readClassNames(own, complain) : undefined;
  const { entries, index } = classesOf(read, outer);
  const listing: Listing = {
    path,
    dir,
    format,
    classes: entries,
    splits: {},
    ignored,
    warnings: [],
    place: (split, c) => {
      const file = files[split] ?? `the ${split} JSON of ${path}`;
      return c === undefined ? file : `class ${entries[c]?.name ?? c} in ${file}`;
    },
  };
  for (const [split, { rows, categories }] of Object.entries(read) as [Split, CocoFile][]) {
    const labels = Int32Array.from(categories, (id, i) => {
      const c = index.get(id);
      if (c === undefined)
        complain(
          `${rows.where(rows.wheres[i]!)}: category ${show(id)} is unknown; expected one of ${own ?? 'the categories'}`,
        );
      return c ?? -1;
    });
    const paths = labels.includes(-1) ? rows.paths.filter((_, i) => labels[i]! >= 0) : rows.paths;
    if (paths.length === 0) complain(`${rows.file} lists no picture; expected some under "images"`);
    const { base, prefix } = pictureRoot(dir, split, paths, options, [
      basename(rows.file).match(/(?:train|val|test)\d*/)?.[0] ?? split,
    ]);
    listing.splits[split] = pictureFiles(
      base,
      prefix,
      paths,
      labels.filter((c) => c >= 0),
    );
  }
  if (entries.length > 0 && entries.every(({ spoken }) => /^\d+$/.test(spoken)))
    listing.warnings.push(`${files.train ?? path} names its classes by numbers alone; put categories.json into ${dir}`);
  return listing;
}
