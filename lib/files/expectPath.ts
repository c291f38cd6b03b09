import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { check, type ErrorCode, VlltrError } from '../errors.js';
import { isFolder } from './folder.js';
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

/** As `expectPath`, and refuses a folder. */
export function expectFile(path: string, expected: string): void {
  expectPath(path, expected);
  check(!isFolder(path), 'ERR_DATA', () => `${path} is a folder; expected ${expected}`);
}

/** As `expectPath`, and refuses what is no folder. */
export function expectFolder(path: string, expected: string): void {
  expectPath(path, expected);
  check(isFolder(path), 'ERR_DATA', () => `${path} is a file; expected ${expected}`);
}

/**
 * Refuses a place where no folder can be made, since a file is there or in the place of one above it.
 * @param option that named it
 * @throws VlltrError ERR_USAGE; the file system's error where it cannot tell
 */
export function expectFolderPlace(path: string, option: string): void {
  const file = fileAmong(path);
  const above = file === resolve(path) ? `${option} ${path}` : `${option} ${path} cannot be made: ${file}`;
  check(file === undefined, 'ERR_USAGE', () => `${above} is a file; expected a folder`);
}

/**
 * Refuses a place where no file can be written, as `expectFolderPlace`.
 * @param what the file is for, for people
 */
export function expectFilePlace(path: string, option: string, what: string): void {
  check(!isFolder(path), 'ERR_USAGE', () => `${option} ${path} is a folder; expected a file for ${what}`);
  const above = fileAmong(dirname(resolve(path)));
  check(above === undefined, 'ERR_USAGE', () => {
    return `${option} ${path} cannot be written: ${above} is a file; expected a folder`;
  });
}

/** The file that lies in the place of a folder or of one above it. */
function fileAmong(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (isFolder(at)) return undefined;
    if (existsSync(at)) return at;
  }
}
