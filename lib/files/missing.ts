/** Whether a file system's error says that there is no such file or folder, rather than that it cannot be read. */
export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
