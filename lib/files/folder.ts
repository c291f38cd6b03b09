import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it that are missing. Node's own recursion calls a read-only file system a missing folder,
 * and never ends where the system refuses a name in a folder that is there, as in /proc.
 * @throws the file system's error, its reason the one for the topmost folder that cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const above = dirname(resolve(path));
    if (code === 'ENOENT' && above !== resolve(path) && !(await isFolder(above))) {
      await makeFolder(above);
      return makeFolder(path);
    }
    // Somebody else may have made it meanwhile.
    if (!(await isFolder(path))) throw error;
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
