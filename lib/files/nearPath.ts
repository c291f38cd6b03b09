import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { nearest } from '../near.js';

/** For a path that does not exist, in half a sentence: what is beside it under a name near to its own. Empty for nothing. */
export function nearPath(path: string): string {
  const parent = dirname(path);
  let names: string[];
  try {
    names = readdirSync(parent).filter((name) => !name.startsWith('.'));
  } catch {
    return ''; // its folder does not exist either
  }
  const near = nearest(basename(path), names).map((name) => join(parent, name));
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}
