import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pictureBytes } from '../../lib/data/decode.js';
import { openFolder } from '../../lib/data/openPictures.js';
import { failedBelow, patiently } from '../../lib/files/passing.js';
import { literally } from '../support/literally.js';
import { writePictures } from '../support/pictures.js';

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`${code}: x`), { code, errno: -1 });
/** Fails so many times, then reads. */
function reader(times: number, code: string) {
  const tries = { n: 0 };
  const read = async (): Promise<string> => {
    if (tries.n++ < times) throw failure(code);
    return 'bytes';
  };
  return { tries, read };
}

describe('errors of the file system', () => {
  it.each(['EMFILE', 'ENFILE', 'EAGAIN'])('%s passes: reading is tried again, not for ever', async (code) => {
    const short = reader(3, code);
    expect(await patiently(short.read, [0, 0, 0])).toBe('bytes');
    expect(short.tries.n).toBe(4);
    const long = reader(9, code);
    await expect(patiently(long.read, [0, 0, 0])).rejects.toMatchObject({ code });
    expect(long.tries.n).toBe(4);
  });

  it.each(['EIO', 'ESTALE', 'ENOENT'])('%s is not waited for', async (code) => {
    const once = reader(1, code);
    await expect(patiently(once.read, [0])).rejects.toMatchObject({ code });
    expect(once.tries.n).toBe(1);
  });

  it('are the file’s own or those of what lies below', () => {
    const below = ['EIO', 'ESTALE', 'ENOMEM', 'EMFILE', 'ETIMEDOUT', 'EHOSTDOWN', 'ENOTCONN', 'EREMOTEIO'];
    expect(below.filter((code) => !failedBelow(failure(code)))).toEqual([]);
    const own = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EISDIR', 'ELOOP', 'ENAMETOOLONG'];
    expect(own.filter((code) => failedBelow(failure(code)))).toEqual([]);
    // A decoder's errors have no number, nor has Node's of a file that is too large.
    expect(failedBelow(new Error('Input buffer contains unsupported image format'))).toBe(false);
    expect(failedBelow(Object.assign(new Error('x'), { code: 'ERR_FS_FILE_TOO_LARGE' }))).toBe(false);
  });
});

// Reading the first bytes of it, where nothing is mapped, fails with EIO.
const FAILING = '/proc/self/mem';

describe.runIf(process.platform === 'linux')('a picture whose file system fails', () => {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vlltr-passing-'));
    await writePictures(dir, [3, 3, 3], ['train']);
    await rm(join(dir, 'train/coal/1.png'));
    await symlink(FAILING, join(dir, 'train/coal/1.png'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('is an error of its own, in a file and in an archive', async () => {
    for (const input of [FAILING, { name: 'a.tar: x.jpg', file: FAILING, offset: 0, size: 512 }])
      await expect(pictureBytes(input)).rejects.toMatchObject({
        code: 'ERR_IO',
        message: expect.stringMatching(/^picture (\/proc|a\.tar).* cannot be read: the file system failed \(EIO: /),
      });
    const gone = { name: 'a.tar: x.jpg', file: join(dir, 'a.tar'), offset: 0, size: 512 };
    await expect(pictureBytes(gone)).rejects.toMatchObject({
      code: 'ERR_IO', // with it all its pictures
      message: expect.stringMatching(/^picture a\.tar: x\.jpg cannot be read: the file system failed \(ENOENT/),
    });
    await expect(pictureBytes(dir)).rejects.toMatchObject({ code: 'ERR_DATA' });
  });

  it('stops the training where the folder of all pictures is gone, not where one of its folders is', async () => {
    const away = join(dir, 'away');
    await writePictures(away, [3, 3, 3], ['train']);
    const [home, hidden] = [join(away, 'train'), join(away, 'hidden')];
    const warnings: string[] = [];
    const data = await openFolder(away, { imageSize: 16, workers: 1, warn: (m) => warnings.push(m) });
    const view = { kind: 'clean', standIn: true } as const;
    const all = Array.from(data.train.labels, (_, i) => i);
    const stopped = (why: RegExp) =>
      expect(data.train.views!(all, 16, view)).rejects.toMatchObject({
        code: 'ERR_IO',
        message: expect.stringMatching(
          new RegExp(`^${literally(home)}, the folder of the pictures, cannot be read: ${why.source}`),
        ),
      });
    await rename(home, hidden);
    await stopped(/there is no such folder any more \(ENOENT\)/);
    await mkdir(home); // as a share that is not mounted leaves it
    await stopped(/it is empty/);
    await rm(home, { recursive: true });
    await writeFile(home, '');
    await stopped(/ENOTDIR/);
    expect([data.train.unreadable, warnings]).toEqual([[], []]);
    await rm(home);
    await rename(hidden, home);
    const first = data.train.id(0);
    await rm(join(away, first));
    expect((await data.train.views!(all, 16, view)).replaced).toBe(1);
    expect(warnings).toEqual([expect.stringMatching(/cannot be read: there is no such file \(ENOENT\); another/)]);
    await rm(dirname(join(away, first)), { recursive: true });
    await expect(data.train.views!(all, 16, view)).rejects.toMatchObject({ code: 'ERR_DATA' });
    await data.dispose!();
  });

  it('stops the training: no other picture is put in its place, nor is it left out', async () => {
    const warnings: string[] = [];
    const options = { imageSize: 16, workers: 1, warn: (message: string) => warnings.push(message) };
    const data = await openFolder(dir, options);
    const view = { kind: 'clean', standIn: true } as const;
    await expect(data.train.views!([0, 1], 16, view)).rejects.toMatchObject({ code: 'ERR_IO' });
    expect(data.train.unreadable).toEqual([]);
    await data.dispose!();
    await mkdir(join(dir, 'val'), { recursive: true });
    await expect(openFolder(dir, { ...options, unreadable: 'skip' })).rejects.toMatchObject({ code: 'ERR_IO' });
    expect(warnings).toEqual([]);
  });
});
