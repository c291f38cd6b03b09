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

interface Taps {
  /** First input pixel of each output pixel. */
  first: Int32Array;
  /** Number of input pixels of each. */
  count: Int32Array;
  /** Weights, `stride` an output pixel. */
  weights: Float64Array;
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
  const weights = new Float64Array(to * stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let j = begin; j < end; j++) {
      const w = cubic((j - centre + 0.5) / spread);
      weights[i * stride + j - begin] = w;
      sum += w;
    }
    for (let j = 0; j < end - begin; j++) weights[i * stride + j]! /= sum;
    first[i] = begin;
    count[i] = end - begin;
  }
  return { first, count, weights, stride };
}

/**
 * Bicubic resampling of a part of an RGB picture, antialiased where it shrinks.
 * @param pixels uint8 RGB, row-major; the picture begins at byte `offset` and is `width` pixels wide
 * @returns [toHeight, toWidth, 3], not rounded, may leave 0 … 255
 */
export function resampleBicubic(
  pixels: Uint8Array,
  offset: number,
  width: number,
  box: Box,
  toWidth: number,
  toHeight: number,
): Float32Array {
  const across = cubicTaps(box.width, toWidth);
  const down = cubicTaps(box.height, toHeight);
  const rows = new Float32Array(box.height * toWidth * 3);
  for (let y = 0; y < box.height; y++) {
    const line = offset + ((box.top + y) * width + box.left) * 3;
    for (let x = 0; x < toWidth; x++) {
      let at = line + across.first[x]! * 3;
      let [r, g, b] = [0, 0, 0];
      const from = x * across.stride;
      const to = from + across.count[x]!;
      for (let k = from; k < to; k++, at += 3) {
        const w = across.weights[k]!;
        r += w * pixels[at]!;
        g += w * pixels[at + 1]!;
        b += w * pixels[at + 2]!;
      }
      const out = (y * toWidth + x) * 3;
      rows[out] = r;
      rows[out + 1] = g;
      rows[out + 2] = b;
    }
  }
  const line = toWidth * 3;
  const out = new Float32Array(toHeight * line);
  for (let y = 0; y < toHeight; y++) {
    for (let k = 0; k < down.count[y]!; k++) {
      const w = down.weights[y * down.stride + k]!;
      const from = (down.first[y]! + k) * line;
      for (let x = 0; x < line; x++) out[y * line + x]! += w * rows[from + x]!;
    }
  }
  return out;
}
