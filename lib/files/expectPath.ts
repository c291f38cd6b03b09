import { statSync } from 'node:fs';
import { type ErrorCode, VlltrError } from '../errors.js';
import { isMissing } from './missing.js';
import { nearPath } from './nearPath.js';

/**
 * Refuses a path where there is nothing.
 * @param expected what should be there, for people
 * @throws VlltrError naming the path, what was expected and what may be meant; the file system's error where it cannot tell
 */
export function expectPath(path: string, expected: string, code: ErrorCode = 'ERR_DATA'): void {
  try {
    statSync(path);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new VlltrError(code, `${path} does not exist; expected ${expected}${nearPath(path)}`);
  }
}
