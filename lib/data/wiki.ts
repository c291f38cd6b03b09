import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VlltrError } from '../errors.js';
import { isMissing } from '../files/missing.js';

/** Articles by class index; undefined where a class has none. */
export interface Articles {
  files: (string | undefined)[];
  /** Files of `wiki/` that belong to no class. */
  stray: string[];
}

/** Finds `wiki/desc_<index>.txt` for `classes` classes, index from 0 as in the authors' corpora. */
export async function listArticles(dir: string, classes: number): Promise<Articles> {
  const folder = join(dir, 'wiki');
  const names = await readdir(folder).catch((cause) => {
    if (isMissing(cause)) return [];
    throw new VlltrError('ERR_DATA', `${folder} cannot be read: ${(cause as Error).message}`, { cause });
  });
  const files: (string | undefined)[] = new Array(classes).fill(undefined);
  const stray: string[] = [];
  for (const name of names.filter((n) => !n.startsWith('.')).sort()) {
    const index = /^desc_(0|[1-9]\d*)\.txt$/.exec(name)?.[1];
    if (index !== undefined && Number(index) < classes) files[Number(index)] = join(folder, name);
    else stray.push(join(folder, name));
  }
  return { files, stray };
}

/** An article's text. Some files of the authors' corpora are in GBK; what is no UTF-8 is taken for that, as they do. */
export async function readArticle(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause) => {
    throw new VlltrError('ERR_DATA', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('gbk').decode(bytes);
  }
}
