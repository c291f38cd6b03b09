import { readFileSync } from 'node:fs';
import sharp, { type JpegOptions } from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../bindings/load.js';
import { decodeBytes } from '../../lib/data/decode.js';
import { jpegHeader } from '../../lib/data/jpegHeader.js';
import { random } from '../../lib/random.js';
import { applyOperation, OPERATIONS } from '../../lib/training/randAugment.js';
import { type Box, resampleBicubic } from '../../lib/training/resample.js';
import { centre, coverSize, coverSquare, cut, type Pixels, resized } from '../../lib/training/wholePicture.js';
import { waves } from '../support/waves.js';

type Case = number[];
const reference = JSON.parse(readFileSync(new URL('../reference/pictures.json', import.meta.url), 'utf8')) as {
  clean: { case: Case; rgb: string }[];
  crops: { case: Case; rgb: string }[];
  files: { name: string; file: string; width: number; rgb: string }[];
  operations: { name: string; magnitude: number; sign: number; size: number; rgb: string }[];
};

/** Mean and largest difference of bytes. */
function difference(got: ArrayLike<number>, rgb: string): { mean: number; largest: number } {
  const want = Buffer.from(rgb, 'base64');
  expect(got.length).toBe(want.length);
  const off = Array.from(want, (v, i) => Math.abs(v - got[i]!));
  return { mean: off.reduce((a, b) => a + b) / off.length, largest: Math.max(...off) };
}

const { decodeJpeg, info } = loadAddon();
const { jpeg } = info();

describe('Pillow', () => {
  it.each(reference.clean)('resizes and cuts out the centre as the clean view does: $case', ({ case: given, rgb }) => {
    const [width, height, resize, to] = given as [number, number, number, number];
    const pixels = waves(width, height);
    const size = coverSize(pixels, resize);
    const { left, top } = centre(size, to);
    expect(difference(cut(resized(pixels, size), size.width, left, top, to), rgb).largest).toBe(0);
    // By way of a square, as views of pictures in memory are.
    const square = coverSquare(pixels, resize);
    const margin = Math.floor((resize - to) / 2);
    if ((resize - to) % 2 === 0) expect(difference(cut(square, resize, margin, margin, to), rgb).largest).toBe(0);
  });

  it.each(reference.crops)('resamples crops alike: $case', ({ case: given, rgb }) => {
    const [width, height, left, top, w, h, to] = given as [number, number, number, number, number, number, number];
    const box = { left, top, width: w, height: h };
    const got = resampleBicubic(waves(width, height).data, 0, width, box, to, to);
    expect(difference(got, rgb).largest).toBe(0);
  });

  it.each(reference.files)('reads a $name alike', async ({ file, width, rgb }) => {
    const data = Buffer.from(file, 'base64');
    const got = await decodeBytes(data, 'reference');
    expect(got.width).toBe(width);
    expect(difference(got.data, rgb).largest).toBe(0);
    const header = jpegHeader(data);
    if (header) expect([header.width, header.height]).toEqual([got.width, got.height]);
  });

  it.each(reference.files)('has the addon read a $name alike, or leave it to sharp', ({ name, file, rgb }) => {
    const data = Buffer.from(file, 'base64');
    const header = jpegHeader(data);
    if (!jpeg || !header) return;
    const upright = header.orientation < 5;
    const [width, height] = upright ? [header.width, header.height] : [header.height, header.width];
    const whole = new Uint8Array(width * height * 3);
    const taken = decodeJpeg(data, 0, 0, width, height, 1, whole);
    expect(taken).toBe(name !== 'CMYK JPEG');
    if (!taken) return;
    if (header.orientation === 1) expect(difference(whole, rgb).largest).toBe(0);
    // Cut off or changed anywhere, it is refused or read, and nothing worse.
    const draw = random(0, name);
    for (let k = 0; k < 300; k++) {
      const bad = Uint8Array.from(data.subarray(0, k % 3 ? data.length : draw.int(data.length)));
      for (let m = 0; m < 3 && bad.length > 0; m++) bad[draw.int(bad.length)] = draw.int(256);
      decodeJpeg(bad, 0, 0, width, height, 1, whole);
    }
    expect(decodeJpeg(data.subarray(0, data.length - 70), 0, 0, 1, 1, 1, new Uint8Array(3))).toBe(false);
    expect(decodeJpeg(data, 1, 0, width, height, 1, whole)).toBe(false);
    expect(() => decodeJpeg(data, 0, 0, width, height, 1, whole.subarray(3))).toThrow(/rgb has/);
  });

  it('resamples by TypeScript as by the addon', () => {
    const { data, width, height } = waves(61, 47);
    const draw = random(0, 'resample');
    for (let k = 0; k < 30; k++) {
      const [left, top] = [draw.int(width), draw.int(height)];
      const box = { left, top, width: 1 + draw.int(width - left), height: 1 + draw.int(height - top) };
      const [toWidth, toHeight] = [1 + draw.int(70), 1 + draw.int(70)];
      for (const mirrored of [false, true]) {
        const native = resampleBicubic(data, 0, width, box, toWidth, toHeight, mirrored);
        expect(resampleBicubic(data, 0, width, box, toWidth, toHeight, mirrored, null)).toEqual(native);
      }
    }
  });

  it("has all operations of timm's rand-m9-mstd0.5-inc1", () => {
    expect(Object.keys(OPERATIONS).sort()).toEqual([...new Set(reference.operations.map(({ name }) => name))].sort());
  });

  it.each(reference.operations)('$name at magnitude $magnitude, sign $sign', ({ name, magnitude, sign, size, rgb }) => {
    const picture = new Uint8ClampedArray(waves(size, size).data);
    const { mean, largest } = difference(applyOperation(name, picture, size, magnitude, sign), rgb);
    expect(mean).toBeLessThan(0.1);
    expect(largest).toBeLessThanOrEqual(1);
  });
});

describe.runIf(jpeg)('the JPEG decoder in the addon', () => {
  const [width, height] = [203, 155];
  const raw = { width, height, channels: 3 } as const;
  const kinds: [string, JpegOptions, boolean?][] = [
    ['chroma halved both ways', {}],
    ['whole chroma', { chromaSubsampling: '4:4:4' }],
    ['progressive', { progressive: true }],
    ['grey', {}, true],
  ];
  it.each(kinds)("has sharp's bits, and a part those of the whole: %s", async (_, options, grey = false) => {
    const file = await sharp(waves(width, height).data, { raw }).greyscale(grey).jpeg(options).toBuffer();
    const draw = random(0, 'parts');
    const means = await decodeBytes(file, 'a picture');
    for (const shrink of [1, 2, 4, 8]) {
      const [w, h] = [Math.floor(width / shrink), Math.floor(height / shrink)];
      const whole = new Uint8Array(w * h * 3);
      expect(decodeJpeg(file, 0, 0, w, h, shrink, whole)).toBe(true);
      expect(distance(whole, means, shrink)).toBeLessThan(shrink === 1 ? 1e-9 : 10);
      for (let k = 0; k < 50; k++) {
        const [left, top] = [draw.int(w), draw.int(h)];
        const [partWidth, partHeight] = [1 + draw.int(w - left), 1 + draw.int(h - top)];
        const part = new Uint8Array(partWidth * partHeight * 3);
        expect(decodeJpeg(file, left, top, partWidth, partHeight, shrink, part)).toBe(true);
        const box = { left, top, width: partWidth, height: partHeight };
        expect(Buffer.compare(part, cutOut(whole, w, box))).toBe(0);
      }
    }
  });
});

/** Mean difference of a picture to another one's means over squares of `shrink`. */
function distance(small: Uint8Array, { data, width, height }: Pixels, shrink: number): number {
  const [w, h] = [Math.floor(width / shrink), Math.floor(height / shrink)];
  let off = 0;
  for (let y = 0; y < h; y++)
    for (let i = 0; i < w * 3; i++) {
      let sum = 0;
      for (let v = 0; v < shrink; v++)
        for (let k = 0; k < shrink; k++)
          sum += data[((y * shrink + v) * width + Math.floor(i / 3) * shrink + k) * 3 + (i % 3)]!;
      off += Math.abs(sum / shrink ** 2 - small[y * w * 3 + i]!);
    }
  return off / small.length;
}

function cutOut(data: Uint8Array, stride: number, { left, top, width, height }: Box): Uint8Array {
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * stride + left) * 3;
    out.set(data.subarray(from, from + width * 3), y * width * 3);
  }
  return out;
}
