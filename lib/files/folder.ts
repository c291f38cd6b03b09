import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isMissing } from './missing.js';

/**
 * Whether a folder is at a path, links being followed.
 * @throws the file system's error where it cannot tell
 */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * Makes a folder and those above it that are missing. Node's own recursion calls a read-only file system a missing folder,
 * and never ends where the system refuses a name in a folder that is there, as in /proc.
 * @throws the file system's error, its reason the one for the topmost folder that cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      const above = dirname(resolve(path));
      if (above !== resolve(path) && !isMade(above)) await makeFolder(above);
      await mkdir(path); // somebody else may have made the one above meanwhile
    });
  } catch (error) {
    // Or this one.
    if (!isMade(path)) throw error;
  }
}

/** Where the system cannot tell, what it said of making the folder is the reason. */
function isMade(path: string): boolean {
  try {
    return isFolder(path);
  } catch {
    return false;
  }
}
