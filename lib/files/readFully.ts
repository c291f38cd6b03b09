import { type FileHandle, open } from 'node:fs/promises';
import { type ErrorCode, VlltrError } from '../errors.js';

/**
 * Fills `bytes` from `position` on. Large reads come in pieces: one read gives at most 2 GiB.
 * @param what names the thing in the error
 * @throws VlltrError `code` where the file ends before
 */
export async function readFully(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
  what: string,
  code: ErrorCode = 'ERR_CHECKPOINT',
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const bytesRead = await readPart(file, bytes, done, position, what, code);
    if (bytesRead === 0) throw new VlltrError(code, `${what} ends ${bytes.length - done} bytes early (cut off?)`);
    done += bytesRead;
  }
}

async function readPart(
  file: FileHandle,
  bytes: Uint8Array,
  done: number,
  position: number,
  what: string,
  code: ErrorCode,
): Promise<number> {
  try {
    return (await file.read(bytes, done, Math.min(bytes.length - done, 1 << 30), position + done)).bytesRead;
  } catch (cause) {
    throw new VlltrError(code, `${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Opens a file for reading. @throws VlltrError ERR_CHECKPOINT naming it */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw new VlltrError('ERR_CHECKPOINT', `${path} cannot be opened: ${(cause as Error).message}`, { cause });
  }
}
