import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { photoView, scaledBox, shrinkFor } from '../../lib/data/loader/photoView.js';
import { ViewPool } from '../../lib/data/loader/pool.js';
import { openFolder } from '../../lib/data/openPictures.js';
import type { LongTailData } from '../../lib/data/types.js';
import { keepUnreadable } from '../../lib/stages/unreadable.js';
import { evalView } from '../../lib/training/cleanView.js';
import type { View } from '../../lib/training/views.js';
import { coverSquare } from '../../lib/training/wholePicture.js';
import { waves } from '../support/waves.js';

const train = (step: number, decode: 'fast' | 'exact' = 'fast'): View => ({
  kind: 'train',
  augment: { preset: 'imagenet' },
  decode,
  seed: 3,
  step,
  stream: 'test/view',
});
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const bytes = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
const PICTURES = 7;
let dir = '';
let folder = '';

beforeAll(async () => {
  const built = fileURLToPath(new URL('../../dist/lib/data/loader/worker.js', import.meta.url));
  expect(existsSync(built), 'dist/ is missing: npm run build').toBe(true);
  dir = await mkdtemp(join(tmpdir(), 'vlltr-loader-'));
  folder = join(dir, 'good');
  for (let i = 0; i < PICTURES; i++) {
    const label = join(folder, 'train', i < 4 ? 'a' : 'b');
    await mkdir(label, { recursive: true });
    const { data, width, height } = waves(90 + 13 * i, 70 + 5 * i);
    const encoded = sharp(data, { raw: { width, height, channels: 3 } });
    await (i % 2 ? encoded.png().toFile(join(label, `${i}.png`)) : encoded.jpeg().toFile(join(label, `${i}.jpg`)));
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('views of pictures in files', () => {
  it('are the same bits at any number of workers, in any company', async () => {
    const chosen = [6, 0, 3, 3, 1, 5, 2, 4, 0];
    const seen: Buffer[] = [];
    for (const workers of [1, 2, 5]) {
      const data = await openFolder(folder, { imageSize: 32, workers });
      // Several batches under way at a time, as training has them.
      const batches = await Promise.all([0, 1, 2].map((step) => data.train.views!(chosen, 24, train(step))));
      seen.push(Buffer.concat(batches.map(({ values }) => bytes(values))));
      if (workers === 1) {
        const each = 24 * 24 * 3;
        const alone = await data.train.views!(chosen.slice(0, 2), 24, train(1));
        expect(bytes(alone.values)).toEqual(bytes(batches[1]!.values.slice(0, 2 * each)));
        // One picture twice in a batch: the draws go by the place in it.
        expect(batches[1]!.values.slice(2 * each, 3 * each)).not.toEqual(batches[1]!.values.slice(3 * each, 4 * each));
        expect(bytes(batches[1]!.values)).not.toEqual(bytes(batches[2]!.values));
      }
      await data.dispose!();
    }
    expect(seen[1]!.equals(seen[0]!)).toBe(true);
    expect(seen[2]!.equals(seen[0]!)).toBe(true);
  });

  it('are the clean view of the whole picture for evaluation', async () => {
    const data = await openFolder(folder, { imageSize: 36, workers: 1 });
    const { values } = await data.train.views!([1], 32, { kind: 'clean' });
    const want = evalView(coverSquare(waves(103, 75), 36), 36, 32, 36);
    expect(bytes(values)).toEqual(bytes(want));
    // The same by way of `read`, for sources in memory.
    expect(evalView(await data.train.read([1]), 36, 32, 36)).toEqual(want);
    await data.dispose!();
  });

  it('crop the whole picture, not its centre', async () => {
    // Red but for the left end, which the centre square does not have.
    const file = join(dir, 'wide.png');
    const raw = Buffer.alloc(120 * 20 * 3);
    for (let p = 0; p < 120 * 20; p++) raw[3 * p + (p % 120 < 30 ? 2 : 0)] = 255;
    await sharp(raw, { raw: { width: 120, height: 20, channels: 3 } }).toFile(file);
    const plain: View = { ...train(0), augment: { preset: 'imagenet', randAugment: false, erase: 0 } } as View;
    let blue = 0;
    for (let position = 0; position < 40; position++) {
      const view = await photoView({ input: file, size: 20, to: 8, view: plain, position });
      if (view[2]! > 0) blue++;
    }
    expect(blue).toBeGreaterThan(3);
    expect(blue).toBeLessThan(30);
  });

  it('of five crops are the corners and the centre', async () => {
    const data = await openFolder(folder, { imageSize: 32, workers: 1 });
    const { values } = await data.train.views!([1, 3], 28, { kind: 'five' });
    expect(values.length).toBe(2 * 5 * 28 * 28 * 3);
    // The short side goes to 31: the lower right corner of the first is that of the picture scaled to 42 × 31.
    const whole = await data.train.views!([1], 31, { kind: 'clean' });
    expect(whole.values.length).toBe(31 * 31 * 3);
    const crop = (k: number): Float32Array => values.slice(k * 28 * 28 * 3, (k + 1) * 28 * 28 * 3);
    expect(crop(0)).not.toEqual(crop(1));
    expect(crop(0).slice(3 * 28 * 3, 4 * 28 * 3)).toEqual(crop(2).slice(0, 28 * 3)); // 3 rows further down
    await data.dispose!();
  });
});

describe('fast decoding', () => {
  it('shrinks no further than the crop allows', () => {
    const box = (side: number) => ({ width: side, height: side + 9 });
    expect([100, 447, 448, 895, 896, 1791, 1792, 9000].map((side) => shrinkFor(box(side), 224))).toEqual([
      1, 1, 2, 2, 4, 4, 8, 8,
    ]);
    // The crop has a view's pixels then, inside the picture, where the scale is not quite 1/shrink too.
    for (let width = 1792; width < 2200; width++)
      for (const left of [0, 1, width - 1792]) {
        const planned = { left, top: 0, width: width - left, height: 1792 };
        const shrink = shrinkFor(planned, 224);
        const small = { width: Math.floor(width / shrink), height: Math.floor(1799 / shrink) };
        const got = scaledBox(planned, { width, height: 1799 }, small, 224);
        expect(Math.min(got.width, got.height)).toBeGreaterThanOrEqual(224);
        expect(got.left).toBeGreaterThanOrEqual(0);
        expect(got.left + got.width).toBeLessThanOrEqual(small.width);
        expect(got.top + got.height).toBeLessThanOrEqual(small.height);
      }
  });

  it('stays near the exact views of large photographs, and is theirs to the bit for small ones', async () => {
    const large = join(dir, 'large.jpg');
    const [width, height] = [900, 641];
    const raw = Buffer.alloc(width * height * 3);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++)
          raw[(y * width + x) * 3 + c] =
            128 + 60 * Math.sin((x * (c + 1)) / 70) + 40 * Math.cos(y / (40 + c * 10)) + 20 * Math.sin((x * y) / 9000);
    for (const [orientation, file] of [1, 6].map((o) => [o, o === 1 ? large : join(dir, 'turned.jpg')] as const)) {
      await sharp(raw, { raw: { width, height, channels: 3 } })
        .withMetadata({ orientation })
        .jpeg({ quality: 92 })
        .toFile(file);
      let off = 0;
      let count = 0;
      let differ = 0;
      for (let position = 0; position < 12; position++) {
        const plain = (decode: 'fast' | 'exact'): View =>
          ({ ...train(0, decode), augment: { preset: 'imagenet', randAugment: false, erase: 0 } }) as View;
        const job = { input: file, size: 37, to: 32, position };
        const fast = await photoView({ ...job, view: plain('fast') });
        const exact = await photoView({ ...job, view: plain('exact') });
        if (!bytes(fast).equals(bytes(exact))) differ++;
        for (let i = 0; i < fast.length; i++) off += Math.abs(fast[i]! - exact[i]!);
        count += fast.length;
      }
      expect(differ).toBeGreaterThan(6);
      expect(off / count).toBeLessThan(0.1); // of values whose standard deviation is 1: 7 of 255; another crop is off by 1
    }
    const small = { input: join(folder, 'train/a/0.jpg'), size: 74, to: 64, position: 0 };
    for (let step = 0; step < 4; step++) {
      const fast = await photoView({ ...small, view: train(step, 'fast') });
      expect(bytes(fast)).toEqual(bytes(await photoView({ ...small, view: train(step, 'exact') })));
    }
  });
});

describe('a picture that cannot be read', () => {
  let data: LongTailData;
  const warnings: string[] = [];
  const bad = async (options: object): Promise<LongTailData> => {
    const broken = join(dir, 'bad');
    for (const split of ['train', 'test'])
      for (const i of [0, 1, 2, 3]) {
        await mkdir(join(broken, split, 'a'), { recursive: true });
        const file = join(broken, split, 'a', `${i}.png`);
        if (i === 1 || i === 2) await writeFile(file, 'no picture');
        else await copyFile(join(folder, 'train/a/1.png'), file);
      }
    await mkdir(join(broken, 'train/b'), { recursive: true });
    await writeFile(join(broken, 'train/b/0.png'), 'no picture');
    await mkdir(join(broken, 'train/c'), { recursive: true });
    await copyFile(join(folder, 'train/b/5.png'), join(broken, 'train/c/0.png'));
    return openFolder(broken, { imageSize: 16, workers: 2, warn: (m) => warnings.push(m), ...options });
  };

  it('is named once, counted, and replaced by the next of its class', async () => {
    data = await bad({});
    const { values, replaced } = await data.train.views!([1, 3, 1, 2], 16, train(5));
    expect(replaced).toBe(3);
    expect(data.train.unreadable).toEqual(['train/a/1.png', 'train/a/2.png']);
    expect(warnings).toHaveLength(2);
    expect(warnings.join('\n')).toMatch(/a\/1\.png cannot be read: .*; another picture of its class is taken for it/);
    // Picture 3 stands in for 1 and 2, whatever was met before: the view of a batch that names it, but for the draws.
    const same = await data.train.views!([3, 3, 3, 3], 16, train(5));
    expect(bytes(values)).toEqual(bytes(same.values));
    expect(same.replaced).toBe(0);
    // So it is where pictures score sentences; anywhere else a clean view is of the picture itself.
    const scored = await data.train.views!([1, 3], 16, { kind: 'clean', standIn: true });
    expect(scored.replaced).toBe(1);
    const each = 16 * 16 * 3;
    expect(bytes(scored.values.slice(0, each))).toEqual(bytes(scored.values.slice(each)));
    await expect(data.train.views!([1], 16, { kind: 'clean' })).rejects.toMatchObject({ code: 'ERR_DATA' });
    await data.dispose!();
  });

  it('is an error beyond the limit, in a class that has no other, and in evaluation', async () => {
    data = await bad({ maxUnreadable: 1 });
    await expect(data.train.views!([1], 16, train(0))).rejects.toThrow(
      /2 training pictures cannot be read, expected at most 1: picture .*2\.png cannot be read/,
    );
    await data.dispose!();
    data = await bad({ maxUnreadable: 0 });
    await expect(data.train.views!([2], 16, train(0))).rejects.toThrow(
      /1 training picture cannot be read, expected none/,
    );
    await data.dispose!();
    data = await bad({});
    await expect(data.train.views!([4], 16, train(0))).rejects.toThrow(
      /no picture of the class of train\/b\/0\.png can be read/,
    );
    await expect(data.test!.views!([1], 16, { kind: 'clean' })).rejects.toMatchObject({ code: 'ERR_DATA' });
    await expect(bad({ maxUnreadable: -1 })).rejects.toThrow(/maxUnreadable is -1/);
    await expect(bad({ workers: 0 })).rejects.toThrow(/workers is 0; expected a whole number ≥ 1/);
    await data.dispose!();
  });
});

describe('pictures that an earlier process could not read', () => {
  it('count towards the limit, are named, and are read again where they can be', async () => {
    const run = join(dir, 'run');
    const broken = join(dir, 'mended');
    await mkdir(join(broken, 'train/a'), { recursive: true });
    await mkdir(join(broken, 'train/b'), { recursive: true });
    await copyFile(join(folder, 'train/b/5.png'), join(broken, 'train/b/0.png'));
    await copyFile(join(folder, 'train/a/1.png'), join(broken, 'train/a/3.png'));
    for (const i of [0, 1, 2]) await writeFile(join(broken, `train/a/${i}.png`), 'no picture');
    const open = () => openFolder(broken, { imageSize: 16, workers: 1, maxUnreadable: 2, warn: () => {} });
    const view = { kind: 'clean', standIn: true } as const;

    let data = await open();
    let keep = await keepUnreadable({ dir: run, resume: false }, data.train);
    await data.train.views!([1, 3], 16, view);
    await Promise.all([keep(), keep()]);
    await data.dispose!();
    expect(JSON.parse(await readFile(join(run, 'unreadable.json'), 'utf8'))).toEqual([
      'train/a/1.png',
      'train/a/2.png',
    ]);

    data = await open();
    keep = await keepUnreadable({ dir: run, resume: true }, data.train);
    expect(data.train.unreadable).toEqual(['train/a/1.png', 'train/a/2.png']);
    await data.train.views!([2], 16, view); // one of them: nothing new
    await expect(data.train.views!([0], 16, view)).rejects.toThrow(
      /3 training pictures cannot be read, expected at most 2/,
    );
    await data.dispose!();

    await copyFile(join(folder, 'train/a/1.png'), join(broken, 'train/a/1.png'));
    data = await open();
    keep = await keepUnreadable({ dir: run, resume: true }, data.train);
    expect((await data.train.views!([1], 16, view)).replaced).toBe(0);
    expect((await data.train.views!([0], 16, view)).replaced).toBe(1);
    await keep();
    expect(JSON.parse(await readFile(join(run, 'unreadable.json'), 'utf8'))).toEqual([
      'train/a/0.png',
      'train/a/2.png',
    ]);
    await data.dispose!();

    // Too many for a smaller limit are said at once, unless they have been mended.
    const stricter = (maxUnreadable: number) =>
      openFolder(broken, { imageSize: 16, workers: 1, maxUnreadable, warn: () => {} });
    data = await stricter(1);
    await expect(keepUnreadable({ dir: run, resume: true }, data.train)).rejects.toThrow(
      /^2 training pictures cannot be read, expected at most 1: picture .*a\/[02]\.png cannot be read/,
    );
    await data.dispose!();
    await copyFile(join(folder, 'train/a/1.png'), join(broken, 'train/a/0.png'));
    data = await stricter(1);
    keep = await keepUnreadable({ dir: run, resume: true }, data.train);
    expect((await data.train.views!([0, 2], 16, view)).replaced).toBe(1);
    await keep();
    expect(data.train.unreadable).toEqual(['train/a/2.png']);
    await data.dispose!();
    // A new one makes too many of those before, who are looked at first.
    await copyFile(join(folder, 'train/a/1.png'), join(broken, 'train/a/2.png'));
    await writeFile(join(broken, 'train/a/1.png'), 'no picture');
    data = await stricter(1);
    await keepUnreadable({ dir: run, resume: true }, data.train);
    expect((await data.train.views!([1], 16, view)).replaced).toBe(1);
    expect(data.train.unreadable).toEqual(['train/a/1.png']);
    await data.dispose!();

    data = await open();
    await keepUnreadable({ dir: run, resume: false }, data.train);
    expect(existsSync(join(run, 'unreadable.json'))).toBe(false);
    await data.dispose!();
  });
});

describe('workers', () => {
  it('write into memory that is made once, not for every batch', async () => {
    const Real = SharedArrayBuffer;
    const made: number[] = [];
    vi.stubGlobal(
      'SharedArrayBuffer',
      class extends Real {
        constructor(bytes: number) {
          super(bytes);
          made.push(bytes);
        }
      },
    );
    try {
      const data = await openFolder(folder, { imageSize: 16, workers: 1 });
      for (const to of [8, 8, 12, 12, 8]) {
        const { values } = await data.train.views!([0, 1, 2, 3], to, { kind: 'clean' });
        expect(values.buffer).toBeInstanceOf(ArrayBuffer);
      }
      await data.dispose!();
    } finally {
      vi.unstubAllGlobals();
    }
    // Two views in flight at a worker, and again where they grow.
    const bytes = (to: number): number => 4 * to * to * 3;
    expect(made.sort((a, b) => a - b)).toEqual([bytes(8), bytes(8), bytes(12), bytes(12)]);
  });

  it('that die are an error naming the picture, not a hang', async () => {
    const pool = new ViewPool(2, fixture('dyingWorker.mjs'));
    const job = { input: 'some/picture.jpg', size: 8, to: 8, view: train(0), position: 0 };
    const run = (on: ViewPool): Promise<void> => on.run(job, new Float32Array(8 * 8 * 3));
    await expect(Promise.all([run(pool), run(pool), run(pool)])).rejects.toMatchObject({
      code: 'ERR_INTERNAL',
      message: expect.stringMatching(/worker that decodes pictures ended over some\/picture\.jpg.*: exit code 7/),
    });
    await expect(run(pool)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    await pool.dispose();
    const none = new ViewPool(1, fixture('there-is-none.mjs'));
    await expect(run(none)).rejects.toThrow(/there-is-none/);
  });

  it.each([['by themselves'], ['by themselves, disposed', 'dispose']])(
    'let the process end %s',
    async (_, ...flags) => {
      const child = spawn(process.execPath, [fixture('loaderUser.mjs'), folder, ...flags]);
      let said = '';
      child.stdout.on('data', (chunk) => {
        said += chunk;
      });
      child.stderr.on('data', (chunk) => {
        said += chunk;
      });
      const code = await new Promise((resolve) => child.on('close', resolve));
      expect(said.trim()).toBe(`${flags.length ? 'ERR_ARGUMENT\n' : ''}views ${3 * 8 * 8 * 3}`);
      expect(code).toBe(0);
    },
  );
});
