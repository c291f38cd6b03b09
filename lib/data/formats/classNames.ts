import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '../../files/atomic.js';
import { lineBatches } from './lines.js';
import type { ClassEntry, Complain } from './listing.js';

/** Class names as a file beside the data gives them. */
export interface ClassNames {
  file: string;
  classes: ClassEntry[];
}

/** What one line or entry says: an order where it has one, and the name. */
interface Named {
  order?: number | string;
  key?: string;
  name: string;
}

const NAME_FILES = ['labels.txt', 'classes.txt', 'classnames.txt', 'class_names.txt'];
const WORDNET = /^(n\d{8})\s+(?:(\d+)\s+)?(\S.*)$/;
const NAME_THEN_ID = /^(.*\S)\s+(\d+)$/;

/** As people write it: underscores and slashes are spaces, Places' `/a/` in front of its names goes. */
export const spokenName = (name: string): string =>
  name
    .replace(/^\/[a-z]\/(?=.)/, '')
    .replace(/[_/\s]+/g, ' ')
    .trim() || name;

/** Entries with names of their own: where two classes are called alike the key stands behind. */
export function classEntries(named: readonly { key: string; name: string }[]): ClassEntry[] {
  const uses = new Map<string, number>();
  for (const { name } of named) uses.set(name, (uses.get(name) ?? 0) + 1);
  return named.map(({ key, name }) => ({ key, name: uses.get(name) === 1 ? name : `${name} (${key})`, spoken: name }));
}

/**
 * Reads lines of class names: `n01440764 1 tench` (ImageNet; by WordNet id), `airfield 0` (Places; by number), or a
 * name alone (by line).
 */
async function readLines(file: string, complain: Complain): Promise<Named[]> {
  const lines: { text: string; at: number }[] = [];
  for await (const batch of lineBatches(file)) {
    batch.lines.forEach((line, i) => {
      if (line.trim() !== '') lines.push({ text: line.trim(), at: batch.first + i });
    });
  }
  if (lines.length > 0 && WORDNET.test(lines[0]!.text))
    return lines.flatMap(({ text, at }) => {
      const found = WORDNET.exec(text);
      if (found) return [{ order: found[1]!, key: found[1]!, name: found[3]! }];
      complain(`${file}:${at}: "${text.slice(0, 80)}"; expected a WordNet id and a name as in the lines above`);
      return [];
    });
  const numbered = lines.map(({ text }) => NAME_THEN_ID.exec(text));
  const ids = new Set(numbered.map((m) => m?.[2]));
  // Names that merely end in numbers ("boeing 747") are no numbering of the classes.
  if (ids.size === lines.length && lines.every((_, i) => ids.has(String(i))))
    return numbered.map((m) => ({ order: Number(m![2]), name: m![1]! }));
  return lines.map(({ text }, i) => ({ order: i, name: text }));
}

/** Reads `[{"id": 0, "name": "…"}, …]`, alone or under `categories` (iNaturalist 2018). */
async function readCategories(file: string, complain: Complain): Promise<Named[]> {
  const json = await readJson<unknown>(file);
  const list = Array.isArray(json) ? json : (json as { categories?: unknown } | null)?.categories;
  if (!Array.isArray(list)) {
    complain(`${file} holds no list of classes; expected [{"id": 0, "name": "…"}, …]`);
    return [];
  }
  return list.flatMap((entry: unknown, i) => {
    const { id, name } = (entry ?? {}) as { id?: unknown; name?: unknown };
    if (Number.isSafeInteger(id) && typeof name === 'string' && name.trim() !== '')
      return [{ order: id as number, key: String(id), name: name.trim() }];
    complain(`${file}: entry ${i} is ${JSON.stringify(entry)?.slice(0, 80)}, expected {"id": number, "name": "text"}`);
    return [];
  });
}

/** The file of class names that a folder has, if any. */
export function classNameFile(dir: string, categories: boolean): string | undefined {
  const names = categories ? ['categories.json', ...NAME_FILES] : NAME_FILES;
  return names.map((name) => join(dir, name)).find((file) => existsSync(file));
}

/** Class names in the order of their labels. */
export async function readClassNames(file: string, complain: Complain): Promise<ClassNames> {
  const named = file.endsWith('.json') ? await readCategories(file, complain) : await readLines(file, complain);
  if (named.length === 0) complain(`${file} names no class`);
  named.sort((a, b) => (a.order! < b.order! ? -1 : a.order! > b.order! ? 1 : 0));
  const seen = new Set<string>();
  const unique = named.flatMap(({ key, name }, i) => {
    const own = key ?? String(i);
    if (seen.has(own)) {
      complain(`${file} has ${own} twice; expected each class once`);
      return [];
    }
    seen.add(own);
    return [{ key: own, name: spokenName(name) }];
  });
  return { file, classes: classEntries(unique) };
}
