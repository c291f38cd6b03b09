import { BIAS, GAIN } from './normalise.js';
import type { Random } from './random.js';

/** Small affine changes and inversion: for line drawings on a plain ground. */
export interface IconAugment {
  preset: 'icon';
  /** Scale factor in 1 ± zoom. Default 0.15. */
  zoom?: number;
  /** Rotation up to ± this many degrees. Default 8.6. */
  rotate?: number;
  /** Shift up to ± this share of the side, each way. Default 0.075. */
  shift?: number;
  /** Probability of inverted brightness. Default 0.15. */
  invert?: number;
  /** Probability of a mirrored view. Default 0: arrows have a direction. */
  flip?: number;
  /** What lies outside the picture. Default 'white'. */
  border?: 'white' | 'edge';
}

/** Uniform in ± r. */
const around = (draw: Random, r: number): number => (2 * draw.uniform() - 1) * r;

/** Writes the view of the picture at byte `from` to element `at` of `out`. */
export function iconView(
  pixels: Uint8Array,
  from: number,
  size: number,
  out: Float32Array,
  at: number,
  to: number,
  options: IconAugment,
  draw: Random,
): void {
  const { zoom = 0.15, rotate = 8.6, shift = 0.075, invert = 0.15, flip = 0, border = 'white' } = options;
  const scale = 1 + around(draw, zoom);
  const angle = around(draw, (rotate * Math.PI) / 180);
  const moveX = around(draw, shift) * size;
  const moveY = around(draw, shift) * size;
  const inverted = draw.uniform() < invert;
  const mirrored = draw.uniform() < flip;
  // Source = centre + scale · R(angle) · (target − centre) + move, in source pixels.
  const step = (scale * size) / to;
  const cos = Math.cos(angle) * step;
  const sin = Math.sin(angle) * step;
  const side = mirrored ? -1 : 1;
  const white = border === 'white';
  const last = size - 1;
  const sign = inverted ? -1 : 1;
  const gain = GAIN.map((g) => g * sign) as [number, number, number];
  const bias = BIAS.map((b, c) => (inverted ? b + 255 * GAIN[c]! : b)) as [number, number, number];
  const [gainR, gainG, gainB] = gain;
  const [biasR, biasG, biasB] = bias;
  const middle = (size - 1) / 2;
  for (let y = 0; y < to; y++) {
    const dy = y - (to - 1) / 2;
    for (let x = 0; x < to; x++, at += 3) {
      const dx = side * (x - (to - 1) / 2);
      let sx = middle + cos * dx - sin * dy + moveX;
      let sy = middle + sin * dx + cos * dy + moveY;
      if (!white) {
        sx = Math.min(last, Math.max(0, sx));
        sy = Math.min(last, Math.max(0, sy));
      }
      const x0 = Math.floor(sx);
      const y0 = Math.floor(sy);
      const fx = sx - x0;
      const fy = sy - y0;
      const w00 = (1 - fx) * (1 - fy);
      const w01 = fx * (1 - fy);
      const w10 = (1 - fx) * fy;
      const w11 = fx * fy;
      let r = 0;
      let g = 0;
      let b = 0;
      if (x0 >= 0 && y0 >= 0 && x0 < last && y0 < last) {
        const p = from + (y0 * size + x0) * 3;
        const q = p + size * 3;
        r = w00 * pixels[p]! + w01 * pixels[p + 3]! + w10 * pixels[q]! + w11 * pixels[q + 3]!;
        g = w00 * pixels[p + 1]! + w01 * pixels[p + 4]! + w10 * pixels[q + 1]! + w11 * pixels[q + 4]!;
        b = w00 * pixels[p + 2]! + w01 * pixels[p + 5]! + w10 * pixels[q + 2]! + w11 * pixels[q + 5]!;
      } else {
        for (let k = 0; k < 4; k++) {
          const tx = x0 + (k & 1);
          const ty = y0 + (k >> 1);
          const w = k === 0 ? w00 : k === 1 ? w01 : k === 2 ? w10 : w11;
          if (tx < 0 || ty < 0 || tx > last || ty > last) {
            // Only reached with weight > 0 on a white border.
            r += w * 255;
            g += w * 255;
            b += w * 255;
          } else {
            const p = from + (ty * size + tx) * 3;
            r += w * pixels[p]!;
            g += w * pixels[p + 1]!;
            b += w * pixels[p + 2]!;
          }
        }
      }
      out[at] = r * gainR + biasR;
      out[at + 1] = g * gainG + biasG;
      out[at + 2] = b * gainB + biasB;
    }
  }
}
