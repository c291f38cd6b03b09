import { pictureKernels } from '../runtime/pictureKernels.js';

/** Part of a picture, in whole pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Keys' cubic convolution with a = -1/2, as Pillow's BICUBIC. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** Weights are whole numbers of this many binary places, as Pillow's for bytes. */
const PLACES = 22;
const HALF = 1 << (PLACES - 1);

interface Taps {
  /** First input pixel of each output pixel. */
  first: Int32Array;
  /** Number of input pixels of each. */
  count: Int32Array;
  /** Weights, `stride` an output pixel, in 2^-PLACES. */
  weights: Int32Array;
  stride: number;
}

/** Weights that bring `from` pixels to `to`; down-scaling widens the filter (antialiasing), as Pillow does. */
function cubicTaps(from: number, to: number): Taps {
  const scale = from / to;
  const spread = Math.max(scale, 1);
  const support = 2 * spread;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * stride);
  const exact = new Float64Array(stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let j = begin; j < end; j++) {
      const w = cubic((j - centre + 0.5) / spread);
      exact[j - begin] = w;
      sum += w;
    }
    for (let j = 0; j < end - begin; j++) {
      const w = (exact[j]! / sum) * (1 << PLACES);
      weights[i * stride + j] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5);
    }
    first[i] = begin;
    count[i] = end - begin;
  }
  return { first, count, weights, stride };
}

/** A sum of weighted bytes as a byte. */
const byte = (sum: number): number => {
  const v = sum >> PLACES;
  return v < 0 ? 0 : Math.min(v, 255);
};

/**
 * Bicubic resampling of a part of an RGB picture, antialiased where it shrinks: Pillow's, to the bit (rows first, rounded to
 * bytes, then columns).
 * @param pixels uint8 RGB, row-major; the picture begins at byte `offset` and is `width` pixels wide
 * @param mirrored left to right
 * @returns uint8 RGB [toHeight, toWidth, 3]
 */
export function resampleBicubic(
  pixels: Uint8Array,
  offset: number,
  width: number,
  box: Box,
  toWidth: number,
  toHeight: number,
  mirrored = false,
  kernels = pictureKernels(),
): Uint8ClampedArray {
  if (kernels) {
    const { left, top, width: w, height: h } = box;
    const out = new Uint8ClampedArray(toHeight * toWidth * 3);
    const whole = pixels.subarray(offset, offset + (top + h) * width * 3);
    kernels.resamplePicture(whole, width, left, top, w, h, toWidth, toHeight, mirrored, out);
    return out;
  }
  const across = cubicTaps(box.width, toWidth);
  const rows = new Uint8Array(box.height * toWidth * 3);
  for (let y = 0; y < box.height; y++)
    acrossRow(
      pixels,
      offset + ((box.top + y) * width + box.left) * 3,
      across,
      rows,
      y * toWidth * 3,
      toWidth,
      mirrored,
    );
  return downRows(rows, toWidth * 3, cubicTaps(box.height, toHeight), toHeight);
}

/** Brings the row of pixels at byte `from` to `toWidth` pixels, written from byte `start` of `out` on. */
function acrossRow(
  pixels: Uint8Array,
  from: number,
  { first, count, weights, stride }: Taps,
  out: Uint8Array,
  start: number,
  toWidth: number,
  mirrored: boolean,
): void {
  for (let x = 0; x < toWidth; x++) {
    const to = start + 3 * (mirrored ? toWidth - 1 - x : x);
    let at = from + first[x]! * 3;
    let r = HALF;
    let g = HALF;
    let b = HALF;
    const begin = x * stride;
    const end = begin + count[x]!;
    for (let k = begin; k < end; k++, at += 3) {
      const w = weights[k]!;
      r = (r + Math.imul(w, pixels[at]!)) | 0;
      g = (g + Math.imul(w, pixels[at + 1]!)) | 0;
      b = (b + Math.imul(w, pixels[at + 2]!)) | 0;
    }
    out[to] = byte(r);
    out[to + 1] = byte(g);
    out[to + 2] = byte(b);
  }
}

/** Brings rows of `line` bytes to `toHeight` rows. */
function downRows(rows: Uint8Array, line: number, down: Taps, toHeight: number): Uint8ClampedArray {
  const out = new Uint8ClampedArray(toHeight * line);
  const sums = new Int32Array(line);
  for (let y = 0; y < toHeight; y++) {
    sums.fill(HALF);
    let k = y * down.stride;
    const end = k + down.count[y]!;
    let at = down.first[y]! * line;
    // Four rows at a time: the sums are loaded and stored a quarter as often.
    for (; k + 4 <= end; k += 4, at += 4 * line) addRows(rows, line, at, down.weights, k, sums);
    for (; k < end; k++, at += line) {
      const w = down.weights[k]!;
      for (let x = 0; x < line; x++) sums[x] = (sums[x]! + Math.imul(w, rows[at + x]!)) | 0;
    }
    const to = y * line;
    for (let x = 0; x < line; x++) out[to + x] = byte(sums[x]!);
  }
  return out;
}

/** Adds the four weighted rows from byte `at` on. */
function addRows(rows: Uint8Array, line: number, at: number, weights: Int32Array, k: number, sums: Int32Array): void {
  const a = weights[k]!;
  const b = weights[k + 1]!;
  const c = weights[k + 2]!;
  const d = weights[k + 3]!;
  const second = at + line;
  const third = second + line;
  const fourth = third + line;
  for (let x = 0; x < line; x++) {
    const upper = (Math.imul(a, rows[at + x]!) + Math.imul(b, rows[second + x]!)) | 0;
    const lower = (Math.imul(c, rows[third + x]!) + Math.imul(d, rows[fourth + x]!)) | 0;
    sums[x] = (sums[x]! + upper + lower) | 0;
  }
}
