import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeBytes } from '../../lib/data/decode.js';
import { jpegHeader } from '../../lib/data/jpegHeader.js';
import { applyOperation, OPERATIONS } from '../../lib/training/randAugment.js';
import { resampleBicubic } from '../../lib/training/resample.js';
import { centre, coverSize, coverSquare, cut, resized } from '../../lib/training/wholePicture.js';
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
