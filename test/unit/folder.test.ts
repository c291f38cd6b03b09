import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limiter } from '../../lib/data/decode.js';
import { openFolder, openPictures } from '../../lib/data/openPictures.js';
import { literally } from '../support/literally.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vlltr-folder-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function paint(path: string, colour: string, width = 12, height = 8): Promise<void> {
  const file = join(dir, path);
  await mkdir(dirname(file), { recursive: true });
  await sharp({ create: { width, height, channels: 3, background: colour } }).toFile(file);
}

const open = (options = {}) => openFolder(dir, { imageSize: 4, ...options });

describe('openFolder', () => {
  it('reads splits, classes, texts and pixels', async () => {
    await paint('train/red_fox/b.png', '#ff0000');
    await paint('train/red_fox/deep/a.PNG.png', '#800000');
    await paint('train/Zebra/x.JPEG.webp', '#00ff00');
    await paint('train/Zebra/y.PNG', '#0000ff');
    await paint('train/Zebra/z.gif', '#ffffff');
    await paint('val/Zebra/v.jpg', '#000000');
    await paint('.hidden/x.png', '#000000');
    await writeFile(join(dir, 'train/Zebra/.DS_Store'), 'x');
    await writeFile(join(dir, 'train/Zebra/notes.txt'), 'x');
    await writeFile(join(dir, 'classes.json'), JSON.stringify({ red_fox: ['Has a bushy tail.'] }));
    const data = await open();
    expect(data.classes).toEqual(['Zebra', 'red fox']);
    expect(data.sentences.map((s) => s.length)).toEqual([80, 81]);
    expect(data.sentences[1]![80]).toBe('Has a bushy tail.');
    expect(data.sentences[1]![0]).toBe('a bad photo of a red fox.');
    expect([...data.train.labels]).toEqual([0, 0, 0, 1, 1]);
    expect(data.train.id(3)).toBe(join('train', 'red_fox', 'b.png'));
    expect(data.val?.length).toBe(1);
    expect(data.test).toBeUndefined();
    const pixels = await data.train.read([3, 1, 3, 4]);
    expect(pixels.length).toBe(4 * 48);
    expect([...pixels.subarray(0, 3)]).toEqual([255, 0, 0]);
    expect([...pixels.subarray(48, 51)]).toEqual([0, 0, 255]);
    expect([...pixels.subarray(96, 99)]).toEqual([255, 0, 0]);
    expect([...pixels.subarray(144, 147)]).toEqual([128, 0, 0]);
  });

  it('scales the short side and cuts at the centre', async () => {
    // Thirds of red, green, blue side by side: the centre is green alone.
    const file = join(dir, 'train/a/x.png');
    await mkdir(dirname(file), { recursive: true });
    const raw = Buffer.alloc(30 * 10 * 3);
    for (let y = 0; y < 10; y++) for (let x = 0; x < 30; x++) raw[(y * 30 + x) * 3 + Math.floor(x / 10)] = 255;
    await sharp(raw, { raw: { width: 30, height: 10, channels: 3 } }).toFile(file);
    const data = await openFolder(dir, { imageSize: 10 });
    const pixels = await data.train.read([0]);
    for (let i = 0; i < 100; i++) expect([...pixels.subarray(3 * i, 3 * i + 3)]).toEqual([0, 255, 0]);
  });

  it('gives RGB of grey, transparent and 16-bit pictures, upright', async () => {
    await mkdir(join(dir, 'train/a'), { recursive: true });
    const at = (name: string) => join(dir, 'train/a', name);
    const base = (channels: 3 | 4, background: string) =>
      sharp({ create: { width: 4, height: 4, channels, background } });
    await base(3, '#404040').greyscale().toFile(at('a.png'));
    await base(4, '#00000000').toFile(at('b.png'));
    await base(3, '#ffffff').toColourspace('rgb16').toFile(at('c.png'));
    // Left half black; turned by the Exif tag the upper half is black.
    const raw = Buffer.alloc(48);
    for (let i = 0; i < 16; i++) if (i % 4 >= 2) raw.fill(255, 3 * i, 3 * i + 3);
    await sharp(raw, { raw: { width: 4, height: 4, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .tiff({ compression: 'lzw' })
      .toFile(at('d.tif'));
    const data = await open();
    const pixels = await data.train.read([0, 1, 2, 3]);
    expect([...pixels.subarray(0, 3)]).toEqual([64, 64, 64]);
    expect([...pixels.subarray(48, 51)]).toEqual([255, 255, 255]);
    expect([...pixels.subarray(96, 99)]).toEqual([255, 255, 255]);
    expect([...pixels.subarray(144, 156)]).toEqual(new Array(12).fill(0));
    expect([...pixels.subarray(180, 192)]).toEqual(new Array(12).fill(255));
  });

  it('follows links, also in a circle', async () => {
    await paint('elsewhere/a.png', '#010203');
    await mkdir(join(dir, 'train'));
    await symlink(join(dir, 'elsewhere'), join(dir, 'train/a'));
    await symlink(join(dir, 'elsewhere'), join(dir, 'elsewhere/again'));
    const data = await open();
    expect(data.train.length).toBe(1);
    expect([...(await data.train.read([0])).subarray(0, 3)]).toEqual([1, 2, 3]);
  });

  it('keeps folder names that would collide when cleaned', async () => {
    await paint('train/red_fox/a.png', '#010203');
    await paint('train/red fox/a.png', '#010203');
    expect((await open()).classes).toEqual(['red fox', 'red_fox']);
  });

  it('names the unreadable picture, or skips it with a warning', async () => {
    await paint('train/a/good.png', '#ff0000');
    await paint('train/a/cut.jpg', '#ff0000', 200, 200);
    const whole = await readFile(join(dir, 'train/a/cut.jpg'));
    await writeFile(join(dir, 'train/a/cut.jpg'), whole.subarray(0, whole.length - 60));
    await writeFile(join(dir, 'train/a/text.png'), 'no picture');
    await symlink(join(dir, 'nowhere.png'), join(dir, 'train/a/broken.png'));
    const data = await open();
    expect(data.train.length).toBe(4);
    await expect(data.train.read([3])).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: /train\/a\/text\.png cannot be read: it is no picture of a format that is read \(.+\)$/,
    });
    await expect(data.train.read([1])).rejects.toThrow(/cut\.jpg cannot be read: it is damaged or cut off \(.+\)$/);
    await expect(data.train.read([0])).rejects.toThrow(/broken\.png cannot be read: there is no such file \(ENOENT\)$/);
    await writeFile(join(dir, 'train/a/text.png'), '');
    await expect(data.train.read([3])).rejects.toThrow(/text\.png cannot be read: the file is empty \(.+\)$/);
    await writeFile(join(dir, 'train/a/text.png'), 'no picture');
    const warnings: string[] = [];
    const skipped = await open({ unreadable: 'skip', warn: (m: string) => warnings.push(m) });
    expect(skipped.train.length).toBe(1);
    expect(warnings).toHaveLength(3);
    expect(warnings.join('\n')).toMatch(/text\.png/);
    await rm(join(dir, 'train/a/good.png'));
    await expect(open({ unreadable: 'skip', warn: () => {} })).rejects.toThrow(/train\/a has no readable picture/);
  });

  it('holds out pictures for validation, the same for a seed', async () => {
    for (let i = 0; i < 8; i++) await paint(`train/a/${i}.png`, '#ff0000');
    await paint('train/b/only.png', '#00ff00');
    const ids = async (seed: number) => {
      const { val } = await open({ holdOut: 0.25, seed });
      return Array.from(val!.labels, (_, i) => val!.id(i));
    };
    const data = await open({ holdOut: 0.25 });
    expect([data.train.length, data.val?.length]).toEqual([7, 2]);
    expect([...data.train.labels]).toEqual([0, 0, 0, 0, 0, 0, 1]);
    expect(await ids(3)).toEqual(await ids(3));
    const drawn = new Set((await Promise.all([0, 1, 2, 3, 4, 5].map(ids))).map(String));
    expect(drawn.size).toBeGreaterThan(1);
  });

  it('chooses shot groups by the training counts', async () => {
    await paint('train/a/0.png', '#ff0000');
    expect((await open({ shots: 'authors' })).shots).toEqual({ manyAbove: 99, fewUpTo: 20 });
    expect((await open()).shots).toEqual({ manyAbove: 2, fewUpTo: 1 });
  });

  it('says where the data may be instead', async () => {
    await paint('inner/train/a/0.png', '#ff0000');
    await mkdir(join(dir, 'inner/val'));
    const no = (path: string, format?: 'folder') => openPictures(path, { imageSize: 4, format });
    for (const format of [undefined, 'folder'] as const) {
      const whole = new RegExp(
        `seems to be the train of a data set: name the folder that holds it, ${literally(join(dir, 'inner'))}$`,
      );
      await expect(no(join(dir, 'inner/train'), format)).rejects.toThrow(whole);
      await expect(no(join(dir, 'inner/val/'), format)).rejects.toThrow(/the val of a data set: .*, .*inner$/);
      await expect(no(dir, format)).rejects.toThrow(`; ${join(dir, 'inner')} has one`);
      const classes = `; its folders seem to be the classes: move them into ${join(dir, 'flat/train')}`;
      await paint('flat/coal/0.png', '#ff0000');
      await expect(no(join(dir, 'flat'), format)).rejects.toThrow(classes);
      await expect(no(join(dir, 'flat/coal'), format)).rejects.toThrow(/pictures(, or another known layout \(.*\))?$/);
    }
  });

  it('says what is missing', async () => {
    const no = (path: string) => openFolder(path, { imageSize: 4 });
    await expect(no(join(dir, 'none'))).rejects.toThrow(/none does not exist; expected a folder/);
    await expect(open()).rejects.toThrow(/has no folder train/);
    await mkdir(join(dir, 'train'));
    await expect(open()).rejects.toThrow(/train has no class folders/);
    await mkdir(join(dir, 'train/a'));
    await expect(open()).rejects.toThrow(/train\/a has no pictures/);
    await paint('train/a/0.png', '#ff0000');
    await paint('test/b/0.png', '#ff0000');
    await expect(open()).rejects.toThrow(/test\/b is a class that train lacks/);
    await expect(open({ imageSize: 0 })).rejects.toThrow(/imageSize is 0/);
    await expect(open({ holdOut: 0.9 })).rejects.toThrow(/holdOut is 0.9/);
  });

  it('refuses an index that does not exist', async () => {
    await paint('train/a/0.png', '#ff0000');
    const { train } = await open();
    await expect(train.read([1])).rejects.toThrow(/picture 1 of 1 does not exist/);
  });
});

describe('limiter', () => {
  it('bounds what runs at once, also after failures', async () => {
    const limited = limiter(2);
    let running = 0;
    let most = 0;
    const jobs = Array.from({ length: 9 }, (_, i) =>
      limited(async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 1));
        running--;
        if (i % 3 === 0) throw new Error('x');
        return i;
      }).catch(() => -1),
    );
    expect(await Promise.all(jobs)).toEqual([-1, 1, 2, -1, 4, 5, -1, 7, 8]);
    expect(most).toBe(2);
  });
});
