/** Paths as nearly all are: nothing to clean, nowhere to escape to. */
const PLAIN = /^[^\\/.:\0][^\\:\0]*$/;

/**
 * A path of a list as one below the data's folder, with `/` between its parts.
 * @returns why it cannot be one otherwise: lists come from elsewhere and must not reach other files
 */
export function pathBelow(path: string): { path: string } | { why: string } {
  if (PLAIN.test(path) && !path.includes('/.') && !path.includes('//') && !path.endsWith('/')) return { path };
  if (path === '') return { why: 'is an empty path' };
  if (path.includes('\0')) return { why: 'holds a zero byte' };
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) return { why: 'is an address' };
  const slashed = path.replaceAll('\\', '/');
  if (slashed.startsWith('/') || /^[a-z]:/i.test(slashed)) return { why: 'is an absolute path' };
  const parts = slashed.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return { why: 'leads out of the folder' };
  if (parts.length === 0) return { why: 'names no file' };
  return { path: parts.join('/') };
}
