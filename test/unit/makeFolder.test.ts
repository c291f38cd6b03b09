import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeFolder } from '../../lib/files/folder.js';

const root = mkdtempSync(join(tmpdir(), 'vl-ltr-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a folder and those above it', () => {
  it('is made, also by many at once, and left as it is where it is there', async () => {
    const deep = join(root, 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(deep)));
    await makeFolder(deep);
    expect(statSync(deep).isDirectory()).toBe(true);
  });

  it('is refused where a file is in its place or above it', async () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(file, 'below', 'it'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  // Node's own recursion never comes back from there.
  it.runIf(existsSync('/proc/self'))('is refused with the topmost folder that cannot be made', async () => {
    await expect(makeFolder('/proc/vl-ltr/run')).rejects.toMatchObject({ code: 'ENOENT', path: '/proc/vl-ltr' });
  });
});
