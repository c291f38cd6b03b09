import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageSource } from '../data/types.js';
import { readJson, writeJson } from '../files/atomic.js';
import type { StageRun } from './options.js';

/** In a run's folder: names of the training pictures that could not be read. */
export const UNREADABLE_FILE = 'unreadable.json';

/**
 * Keeps in a run's folder which pictures cannot be read: a run that is resumed goes on counting them, as an unbroken one does.
 * @returns writes down those found since; asked for after every batch
 * @throws VlltrError ERR_DATA where there are more of them already than may be
 */
export async function keepUnreadable(
  { dir, resume }: Pick<StageRun, 'dir' | 'resume'>,
  images: ImageSource,
): Promise<() => Promise<void>> {
  const path = join(dir, UNREADABLE_FILE);
  if (!resume) await rm(path, { force: true });
  else if (existsSync(path)) await images.recall?.(await readJson<string[]>(path));
  let kept = '';
  // Batches are prepared several at a time.
  let writing: Promise<unknown> = Promise.resolve();
  const keep = async (): Promise<void> => {
    const names = images.unreadable ?? [];
    const found = names.join('\n');
    if (found !== kept) {
      kept = found;
      writing = writing.then(() => writeJson(path, names));
    }
    await writing;
  };
  await keep();
  return keep;
}
