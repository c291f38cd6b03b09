import { setTimeout as pause } from 'node:timers/promises';

/** What the system is short of for a moment. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'EINTR']);
/** What is wrong with the very file that was asked for, and will be the next time. */
const LASTING = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL', 'ENXIO']);
/** Milliseconds between the attempts: a second and a half in all. */
const PAUSES = [50, 100, 200, 400, 800];

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

/** Whether an error is the file system's (a share that went away, a failing disk) and says nothing of the file itself. */
export const failedBelow = (error: unknown): boolean =>
  typeof (error as NodeJS.ErrnoException).errno === 'number' && !LASTING.has(codeOf(error));

/** Reads, and tries again a few times where the system has too many open files or the like. Throws what the last try did. */
export async function patiently<T>(read: () => Promise<T>, pauses: readonly number[] = PAUSES): Promise<T> {
  for (const ms of pauses) {
    try {
      return await read();
    } catch (error) {
      if (!PASSING.has(codeOf(error))) throw error;
    }
    await pause(ms);
  }
  return read();
}
