import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VlltrError } from '../errors.js';
import { makeFolder } from './folder.js';

/** Ends the names of files that are still being written; a reader never opens them. */
export const PARTIAL_SUFFIX = '.partial';

/**
 * Writes a file so that `path` holds either its old content or the whole new one, whenever the process dies: into a
 * temporary file beside it, fsync, rename. Missing folders are made.
 * @param write gets the open temporary file
 * @throws VlltrError ERR_IO naming the file where the file system refuses
 */
export async function writeAtomic(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  await writing(path, () => replace(path, write));
}

/**
 * Does what writes a file or folder, or others for it whose names are nobody's business.
 * @throws VlltrError ERR_IO naming it where the file system refuses
 */
export async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause;
    const { message, path: at } = cause as NodeJS.ErrnoException;
    const helper = at !== undefined && at !== path && at.startsWith(path);
    const why = helper ? message.slice(0, message.lastIndexOf(`, ${cause.syscall} `)) : message;
    throw new VlltrError('ERR_IO', `${path} cannot be written: ${why}`, { cause });
  }
}

async function replace(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  await makeFolder(dirname(path));
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}${PARTIAL_SUFFIX}`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes the rename itself durable where the file system can (not on Windows). */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Folders cannot be opened or synced everywhere; the rename is atomic all the same.
  }
}

/** Writes text or bytes atomically. */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  await writeAtomic(path, (file) => file.writeFile(content));
}

/** Writes a value as indented JSON, atomically. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Reads a JSON file. @throws VlltrError ERR_DATA naming the file when it cannot be read or is no JSON */
export async function readJson<T = unknown>(path: string): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new VlltrError('ERR_DATA', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new VlltrError('ERR_DATA', `${path} is no JSON: ${(cause as Error).message}`, { cause });
  }
}
