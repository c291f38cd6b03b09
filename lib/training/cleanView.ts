import { check } from '../errors.js';
import { normalise } from './normalise.js';
import { type Box, resampleBicubic } from './resample.js';
import { cut } from './wholePicture.js';

/** Number of pictures in uint8 RGB [N, size, size, 3]. @throws VlltrError ERR_ARGUMENT where it is not whole */
export function batchSize(pixels: Uint8Array, size: number): number {
  const n = pixels.length / (size * size * 3);
  check(
    size > 0 && Number.isInteger(n),
    'ERR_ARGUMENT',
    () => `pixels has ${pixels.length} bytes; expected a multiple of ${size}·${size}·3`,
  );
  return n;
}

/**
 * What the shorter side of a photograph goes to before a view of `to` pixels is cut out: 256 for 224 (METHOD.md), other sizes
 * in proportion, cut off to whole pixels as timm and the authors' code do it (438 for 384).
 */
export const evalResize = (to: number): number => Math.floor(to / 0.875);

/**
 * The clean view of pictures: where they are larger than asked for, the shorter side goes to `resize` (bicubic,
 * antialiased) and the centre is cut out; normalised with CLIP's mean and standard deviation.
 * @param pixels uint8 RGB [N, size, size, 3]
 * @param resize default: to/0.875 (256 for 224) where the pictures are larger than `to`, else `to`
 * @returns [N, to, to, 3]
 */
export function evalView(
  pixels: Uint8Array,
  size: number,
  to: number,
  resize = size > to ? evalResize(to) : to,
): Float32Array {
  check(resize >= to, 'ERR_ARGUMENT', () => `resize is ${resize}; expected at least the view's size ${to}`);
  const n = batchSize(pixels, size);
  const each = to * to * 3;
  const out = new Float32Array(n * each);
  if (size === to && resize === to) {
    normalise(pixels, out, 0);
    return out;
  }
  const margin = Math.floor((resize - to) / 2);
  const whole: Box = { left: 0, top: 0, width: size, height: size };
  for (let i = 0; i < n; i++) {
    const start = i * size * size * 3;
    const scaled =
      size === resize
        ? pixels.subarray(start, start + size * size * 3)
        : resampleBicubic(pixels, start, size, whole, resize, resize);
    normalise(cut(scaled, resize, margin, margin, to), out, i * each);
  }
  return out;
}
