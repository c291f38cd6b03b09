import { pictureKernels } from '../runtime/pictureKernels.js';
import { philox, type Random } from './random.js';
import type { Box } from './resample.js';

/** Sizes of the tables: bits of a word for the radius, and for the angle. */
const RADIUS_BITS = 14;
const ANGLE_BITS = 12;
const RADII = 1 << RADIUS_BITS;
const ANGLES = 1 << ANGLE_BITS;

let tables: { radii: Float32Array; cosines: Float32Array } | undefined;

/**
 * Standard normal noise by Box-Muller on a grid: a radius and an angle drawn from equally likely ones give two values. A
 * radius is the root mean square of its share of all, so the variance is 1.
 */
function noiseTables(): { radii: Float32Array; cosines: Float32Array } {
  // ∫ −2 ln u du
  const integral = (u: number): number => (u === 0 ? 0 : 2 * u * (1 - Math.log(u)));
  tables ??= {
    radii: Float32Array.from({ length: RADII }, (_, k) =>
      Math.sqrt(RADII * (integral((k + 1) / RADII) - integral(k / RADII))),
    ),
    cosines: Float32Array.from({ length: ANGLES }, (_, k) => Math.cos((2 * Math.PI * (k + 0.5)) / ANGLES)),
  };
  return tables;
}

/**
 * Fills a box of a normalised view with standard normal noise, per pixel and channel: by the addon, or by TypeScript with the
 * same bits. The noise is numbered by (key, place in the box) alone.
 * @param view [size, size, 3]
 * @param key two unsigned words
 */
export function fillNoise(
  view: Float32Array,
  size: number,
  { left, top, width, height }: Box,
  key: readonly [number, number],
  kernels = pictureKernels(),
): void {
  const { radii, cosines } = noiseTables();
  if (kernels) {
    kernels.fillNoise(view, size, left, top, width, height, ...key, radii, cosines);
    return;
  }
  const line = width * 3;
  const noise = new Float32Array(Math.ceil((line * height) / 8) * 8);
  for (let k = 0; k < noise.length; k += 8)
    for (const [j, word] of philox([k / 8, 0, 0, 0], key).entries()) {
      const radius = radii[word >>> (32 - RADIUS_BITS)]!;
      const angle = (word >>> (32 - RADIUS_BITS - ANGLE_BITS)) & (ANGLES - 1);
      noise[k + 2 * j] = radius * cosines[angle]!;
      noise[k + 2 * j + 1] = radius * cosines[(angle + (ANGLES / 4) * 3) & (ANGLES - 1)]!;
    }
  for (let y = 0; y < height; y++) view.set(noise.subarray(y * line, (y + 1) * line), ((top + y) * size + left) * 3);
}

/**
 * Random erasing: noise in a box of 2 to 33 % of the area, ratio 0.3 … 3.3; nowhere, where ten such boxes in a row do not fit.
 * @param view normalised [size, size, 3]
 */
export function eraseBox(view: Float32Array, size: number, draw: Random): void {
  const low = Math.log(0.3);
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = size * size * (0.02 + (1 / 3 - 0.02) * draw.uniform());
    const aspect = Math.exp(low - 2 * low * draw.uniform());
    const height = Math.round(Math.sqrt(area * aspect));
    const width = Math.round(Math.sqrt(area / aspect));
    if (height >= size || width >= size) continue;
    const top = draw.int(size - height + 1);
    const left = draw.int(size - width + 1);
    const key = [draw.bits(), draw.bits()] as const;
    if (width > 0 && height > 0) fillNoise(view, size, { left, top, width, height }, key);
    return;
  }
}
