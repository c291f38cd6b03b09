import { existsSync, rmSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { onInterruption } from './interruption.js';
import { alive, place } from './processes.js';

/** A folder that nobody wrote into for this long (ms) belongs to nobody. */
const ABANDONED = 3_600_000;

/**
 * Runs `work` with a temporary folder inside `parent`, which is removed afterwards, by a signal too. What processes that
 * were killed left in `parent` is removed first.
 */
export async function withWorkFolder<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const folder = join(parent, `.setup-${process.pid}-${place()}-${Date.now().toString(36)}`);
  await mkdir(folder);
  const remove = { recursive: true, force: true, maxRetries: 3 };
  const keep = onInterruption(() => rmSync(folder, remove));
  try {
    return await work(folder);
  } finally {
    keep();
    await rm(folder, remove);
  }
}

/** Removes temporary folders whose process is gone, as far as one can tell from here, or which are abandoned. */
export async function sweep(parent: string): Promise<void> {
  if (!existsSync(parent)) return;
  for (const name of await readdir(parent)) {
    const match = /^\.setup-(\d+)-(?:([0-9a-f]+)-)?[0-9a-z]+$/.exec(name);
    if (!match) continue;
    const path = join(parent, name);
    const gone = match[2] === place() && !alive(Number(match[1]));
    if (gone || Date.now() - (await newest(path)) > ABANDONED) {
      // A pip that outlived its parent may still write there: what stays goes the next time.
      await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    }
  }
}

/** When a folder or anything below it was last written, in ms since 1970. */
async function newest(folder: string): Promise<number> {
  let time = 0;
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  for (const path of [folder, ...entries.map((entry) => join(folder, entry))]) {
    const info = await stat(path).catch(() => undefined); // removed meanwhile
    time = Math.max(time, info?.mtimeMs ?? 0);
  }
  return time;
}
