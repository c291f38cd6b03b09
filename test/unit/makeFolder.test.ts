import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isFolder, makeFolder } from '../../lib/files/folder.js';

const root = mkdtempSync(join(tmpdir(), 'vl-ltr-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('a folder is told from a file and from nothing, links being followed', () => {
  writeFileSync(join(root, 'plain'), '');
  symlinkSync(root, join(root, 'link'));
  symlinkSync(join(root, 'gone'), join(root, 'broken'));
  symlinkSync('circle', join(root, 'circle'));
  expect(
    ['', 'link', 'plain', 'broken', 'none', join('plain', 'below')].map((name) => isFolder(join(root, name))),
  ).toEqual([...[true, true], ...[false, false, false, false]]);
  expect(() => isFolder(join(root, 'circle'))).toThrow(/ELOOP/);
});

describe('a folder and those above it', () => {
  it('is made, also by many at once, and left as it is where it is there', async () => {
    const deep = join(root, 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(deep)));
    await makeFolder(deep);
    expect(statSync(deep).isDirectory()).toBe(true);
    for (let turn = 0; turn < 20; turn++) {
      const chain = join(root, `turn-${turn}`, 'a', 'b');
      await Promise.all([chain, dirname(chain), chain, dirname(dirname(chain))].map(makeFolder));
      expect(isFolder(chain)).toBe(true);
    }
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
