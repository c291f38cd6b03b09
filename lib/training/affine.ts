import type { PictureKernels } from '../runtime/pictureKernels.js';

/** A square RGB picture, [size, size, 3]. */
export type View = Uint8ClampedArray;

/** CLIP's mean as bytes: what comes in from outside. */
const FILL = Uint8Array.of(123, 117, 104);

/**
 * Cubic weights of the four taps around a position with fraction f, as Pillow's transforms have them: a = -1, unlike its
 * resizing (-1/2).
 */
function cubicWeights(f: number, out: Float64Array, at = 0): void {
  out[at] = ((2 - f) * f - 1) * f;
  out[at + 1] = (f - 2) * f * f + 1;
  out[at + 2] = ((1 - f) * f + 1) * f;
  out[at + 3] = (f - 1) * f * f;
}

/** Cut off to a byte, as Pillow does. */
const byte = (v: number): number => (v <= 0 ? 0 : v >= 255 ? 255 : Math.trunc(v));

/** Source = (a·x + b·y + c, d·x + e·y + f) in pixel-corner coordinates, bicubic; outside is the mean colour. */
export function affine(
  view: View,
  size: number,
  coefficients: readonly [number, number, number, number, number, number],
  kernels: PictureKernels | null,
): View {
  const out = new Uint8ClampedArray(view.length);
  if (kernels) {
    kernels.affineView(view, size, ...coefficients, FILL, out);
    return out;
  }
  const [a, b, c, d, e, f] = coefficients;
  const wx = new Float64Array(4);
  const wy = new Float64Array(4);
  const inside = (i: number): number => (i < 0 ? 0 : i >= size ? size - 1 : i);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const sx = a * (x + 0.5) + b * (y + 0.5) + c;
      const sy = d * (x + 0.5) + e * (y + 0.5) + f;
      const at = (y * size + x) * 3;
      if (sx < 0 || sy < 0 || sx >= size || sy >= size) {
        out.set(FILL, at);
        continue;
      }
      const x0 = Math.floor(sx - 0.5);
      const y0 = Math.floor(sy - 0.5);
      cubicWeights(sx - 0.5 - x0, wx);
      cubicWeights(sy - 0.5 - y0, wy);
      const [p0, p1, p2, p3] = [inside(x0 - 1) * 3, inside(x0) * 3, inside(x0 + 1) * 3, inside(x0 + 2) * 3];
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let j = 0; j < 4; j++) {
        const row = inside(y0 - 1 + j) * size * 3;
        const w = wy[j]!;
        const [w0, w1, w2, w3] = [w * wx[0]!, w * wx[1]!, w * wx[2]!, w * wx[3]!];
        const [q0, q1, q2, q3] = [row + p0, row + p1, row + p2, row + p3];
        red += w0 * view[q0]! + w1 * view[q1]! + w2 * view[q2]! + w3 * view[q3]!;
        green += w0 * view[q0 + 1]! + w1 * view[q1 + 1]! + w2 * view[q2 + 1]! + w3 * view[q3 + 1]!;
        blue += w0 * view[q0 + 2]! + w1 * view[q1 + 2]! + w2 * view[q2 + 2]! + w3 * view[q3 + 2]!;
      }
      out[at] = byte(red);
      out[at + 1] = byte(green);
      out[at + 2] = byte(blue);
    }
  }
  return out;
}

/**
 * Rows moved along themselves, columns where `down`, line k by slope·(k + ½) + shift pixels: as `affine` of
 * (1, slope, shift, 0, 1, 0) or (1, 0, 0, slope, 1, shift), with four taps a pixel, where that takes sixteen.
 */
export function slide(
  view: View,
  size: number,
  slope: number,
  shift: number,
  down: boolean,
  kernels: PictureKernels | null,
): View {
  const out = new Uint8ClampedArray(view.length);
  if (kernels) {
    kernels.slideView(view, size, slope, shift, down, FILL, out);
    return out;
  }
  const [along, across] = down ? [size * 3, 3] : [3, size * 3];
  const w = new Float64Array(4);
  for (let k = 0; k < size; k++) {
    const move = slope * (k + 0.5) + shift;
    const whole = Math.floor(move);
    cubicWeights(move - whole, w);
    const [w0, w1, w2, w3] = [w[0]!, w[1]!, w[2]!, w[3]!];
    const line = k * across;
    for (let x = 0; x < size; x++) {
      const at = line + x * along;
      const centre = x + 0.5 + move;
      if (centre < 0 || centre >= size) {
        out.set(FILL, at);
        continue;
      }
      const first = x + whole - 1;
      const q0 = line + Math.min(size - 1, Math.max(0, first)) * along;
      const q1 = line + Math.min(size - 1, Math.max(0, first + 1)) * along;
      const q2 = line + Math.min(size - 1, Math.max(0, first + 2)) * along;
      const q3 = line + Math.min(size - 1, Math.max(0, first + 3)) * along;
      out[at] = byte(w0 * view[q0]! + w1 * view[q1]! + w2 * view[q2]! + w3 * view[q3]!);
      out[at + 1] = byte(w0 * view[q0 + 1]! + w1 * view[q1 + 1]! + w2 * view[q2 + 1]! + w3 * view[q3 + 1]!);
      out[at + 2] = byte(w0 * view[q0 + 2]! + w1 * view[q1 + 2]! + w2 * view[q2 + 2]! + w3 * view[q3 + 2]!);
    }
  }
  return out;
}
