import { constants } from 'node:fs';
import { access, opendir } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { VlltrError } from '../errors.js';
import type { PictureInput } from './decode.js';
import type { Pictures } from './formats/listing.js';
import { whyUnreadable } from './whyUnreadable.js';

const folderOf = (input: PictureInput): string => dirname(typeof input === 'string' ? input : input.file);

/** The deepest folder in which all pictures lie, or the archives that hold them. */
export function picturesHome({ ids, input }: Pick<Pictures, 'ids' | 'input'>): string {
  // Millions of pictures lie in thousands of folders.
  const folders = new Set<string>();
  for (const id of ids) folders.add(folderOf(input(id)));
  let shared: string[] | undefined;
  for (const folder of folders) {
    const parts = resolve(folder).split(sep);
    if (!shared) shared = parts;
    let n = 0;
    while (n < shared.length && shared[n] === parts[n]) n++;
    shared.length = n;
  }
  return join(sep, ...(shared ?? []));
}

/** Why nothing in a folder can be read; undefined where that is not the folder's doing. */
async function failing(home: string): Promise<string | undefined> {
  try {
    await access(`${home}${sep}.`, constants.X_OK); // a file in its place is none
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? 'there is no such folder any more (ENOENT)'
      : code === 'EACCES'
        ? whyUnreadable(error)
        : message;
  }
  try {
    const folder = await opendir(home);
    try {
      return (await folder.read()) === null ? 'it is empty' : undefined;
    } finally {
      await folder.close();
    }
  } catch (error) {
    // Files of known names can be read in a folder that must not be listed.
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? undefined : (error as Error).message;
  }
}

/**
 * Asked where a picture cannot be read: what is wrong with the folder of them all, a share that went away say, says nothing of
 * the picture.
 * @throws VlltrError ERR_IO naming the folder
 */
export function homeCheck(pictures: Pick<Pictures, 'ids' | 'input'>): () => Promise<void> {
  let home: string | undefined;
  return async () => {
    home ??= picturesHome(pictures);
    const why = await failing(home);
    if (why === undefined) return;
    throw new VlltrError(
      'ERR_IO',
      `${home}, the folder of the pictures, cannot be read: ${why}; try again once it serves`,
    );
  };
}
