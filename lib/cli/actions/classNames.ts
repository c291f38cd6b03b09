import { readFileSync } from 'node:fs';
import { check, VlltrError } from '../../errors.js';
import { expectFile } from '../../files/expectPath.js';

/**
 * Class names from a file: JSON (names, or objects with `id` and `name` as iNaturalist's categories), else one a line.
 * @throws VlltrError ERR_DATA
 */
export function classNames(path: string): string[] {
  expectFile(path, 'a file of class names');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new VlltrError('ERR_DATA', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const names = text.trimStart().startsWith('[')
    ? jsonNames(path, text)
    : text.split(/\r?\n/).filter((line) => line.trim());
  const distinct = new Set(names).size === names.length;
  check(
    names.length > 0 && distinct,
    'ERR_DATA',
    () => `${path} has ${names.length} class names; expected distinct ones`,
  );
  return names;
}

function jsonNames(path: string, text: string): string[] {
  try {
    const items = JSON.parse(text) as (string | { id: number; name: string })[];
    if (items.every((item) => typeof item === 'string')) return items as string[];
    const named = items as { id: number; name: string }[];
    if (named.every((item) => typeof item?.name === 'string' && typeof item.id === 'number'))
      return [...named].sort((a, b) => a.id - b.id).map(({ name }) => name);
  } catch (cause) {
    throw new VlltrError('ERR_DATA', `${path} is no JSON: ${(cause as Error).message}`, { cause });
  }
  throw new VlltrError('ERR_DATA', `${path} has no class names; expected strings, or objects with id and name`);
}
