import { check } from '../errors.js';
import type { Random } from './random.js';

/** RandAugment (Cubuk et al., 2020); the defaults are timm's `rand-m9-mstd0.5-inc1`. */
export interface RandAugmentOptions {
  /** Operations a picture. Default 2. */
  operations?: number;
  /** Magnitude, 0 … 10. Default 9. */
  magnitude?: number;
  /** Standard deviation of the magnitude. Default 0.5. */
  magnitudeStd?: number;
  /** Chance that a drawn operation is carried out. Default 0.5. */
  probability?: number;
}

type View = Uint8ClampedArray;
/** An operation at strength 0 … 1; `sign` is ±1 by chance. */
type Operation = (view: View, size: number, strength: number, sign: number) => View;

/** CLIP's mean as bytes: what a geometric operation brings in from outside. */
const FILL = [123, 117, 104] as const;

/** Each byte through a table (one for all channels). */
const byTable =
  (table: (strength: number) => (v: number) => number): Operation =>
  (view, _size, strength) => {
    const fn = table(strength);
    const lookup = Uint8ClampedArray.from({ length: 256 }, (_, v) => fn(v));
    return view.map((v) => lookup[v]!);
  };

/** Each channel through a table made from its histogram. */
const byHistogram =
  (table: (histogram: Int32Array) => (v: number) => number): Operation =>
  (view) => {
    const out = new Uint8ClampedArray(view.length);
    for (let c = 0; c < 3; c++) {
      const histogram = new Int32Array(256);
      for (let i = c; i < view.length; i += 3) histogram[view[i]!]! += 1;
      const fn = table(histogram);
      const lookup = Uint8ClampedArray.from({ length: 256 }, (_, v) => fn(v));
      for (let i = c; i < view.length; i += 3) out[i] = lookup[view[i]!]!;
    }
    return out;
  };

const same = (v: number): number => v;

const autoContrast = byHistogram((histogram) => {
  const low = histogram.findIndex((n) => n > 0);
  const high = histogram.findLastIndex((n) => n > 0);
  return high > low ? (v) => Math.trunc(((v - low) * 255) / (high - low)) : same;
});

const equalize = byHistogram((histogram) => {
  const last = histogram.findLastIndex((n) => n > 0);
  const step = Math.trunc((histogram.reduce((a, b) => a + b, 0) - histogram[last]!) / 255);
  if (step === 0) return same;
  const below = new Float64Array(256);
  for (let v = 1; v < 256; v++) below[v] = below[v - 1]! + histogram[v - 1]!;
  return (v) => Math.trunc((Math.trunc(step / 2) + below[v]!) / step);
});

/** ITU-R 601 luma of the pixel at i, rounded. */
const luma = (view: View, i: number): number =>
  (view[i]! * 19595 + view[i + 1]! * 38470 + view[i + 2]! * 7471 + 0x8000) >> 16;

/** plain + factor·(view − plain), factor in 0.1 … 1.9. */
const blend =
  (plain: (view: View, size: number) => (i: number) => number): Operation =>
  (view, size, strength, sign) => {
    const factor = Math.max(0.1, 1 + sign * 0.9 * strength);
    const at = plain(view, size);
    return Uint8ClampedArray.from(view, (v, i) => {
      const p = at(i);
      return Math.trunc(Math.min(255, Math.max(0, p + factor * (v - p))));
    });
  };

const colour = blend((view) => (i) => luma(view, i - (i % 3)));
const brightness = blend(() => () => 0);
const contrast = blend((view) => {
  let sum = 0;
  for (let i = 0; i < view.length; i += 3) sum += luma(view, i);
  const mean = Math.trunc(sum / (view.length / 3) + 0.5);
  return () => mean;
});
const sharpness = blend((view, size) => {
  const line = size * 3;
  return (i) => {
    const x = Math.floor((i % line) / 3);
    const y = Math.floor(i / line);
    // The frame has no neighbours on one side and stays as it is.
    if (x === 0 || y === 0 || x === size - 1 || y === size - 1) return view[i]!;
    let sum = 4 * view[i]!;
    for (let dy = -line; dy <= line; dy += line) sum += view[i + dy - 3]! + view[i + dy]! + view[i + dy + 3]!;
    return Math.round(sum / 13);
  };
});

/** Keys' cubic weights (a = -1/2) of the four taps around a position with fraction f. */
function cubicWeights(f: number, out: Float64Array): void {
  out[0] = ((-0.5 * f + 1) * f - 0.5) * f;
  out[1] = (1.5 * f - 2.5) * f * f + 1;
  out[2] = ((-1.5 * f + 2) * f + 0.5) * f;
  out[3] = (0.5 * f - 0.5) * f * f;
}

/** Source = (a·x + b·y + c, d·x + e·y + f) in pixel-corner coordinates, bicubic; outside is `FILL`. */
function affine(view: View, size: number, [a, b, c, d, e, f]: readonly number[]): View {
  const out = new Uint8ClampedArray(view.length);
  const wx = new Float64Array(4);
  const wy = new Float64Array(4);
  const inside = (i: number): number => (i < 0 ? 0 : i >= size ? size - 1 : i);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const sx = a! * (x + 0.5) + b! * (y + 0.5) + c!;
      const sy = d! * (x + 0.5) + e! * (y + 0.5) + f!;
      const at = (y * size + x) * 3;
      if (sx < 0 || sy < 0 || sx >= size || sy >= size) {
        out.set(FILL, at);
        continue;
      }
      const x0 = Math.floor(sx - 0.5);
      const y0 = Math.floor(sy - 0.5);
      cubicWeights(sx - 0.5 - x0, wx);
      cubicWeights(sy - 0.5 - y0, wy);
      let [r, g, bl] = [0, 0, 0];
      for (let j = 0; j < 4; j++) {
        const row = inside(y0 - 1 + j) * size;
        for (let i = 0; i < 4; i++) {
          const p = (row + inside(x0 - 1 + i)) * 3;
          const w = wx[i]! * wy[j]!;
          r += w * view[p]!;
          g += w * view[p + 1]!;
          bl += w * view[p + 2]!;
        }
      }
      out[at] = r;
      out[at + 1] = g;
      out[at + 2] = bl;
    }
  }
  return out;
}

const rotate: Operation = (view, size, strength, sign) => {
  const angle = (-sign * strength * 30 * Math.PI) / 180;
  const [cos, sin, m] = [Math.cos(angle), Math.sin(angle), size / 2];
  return affine(view, size, [cos, sin, m - cos * m - sin * m, -sin, cos, m + sin * m - cos * m]);
};

/** The operations by timm's names. */
export const OPERATIONS: Record<string, Operation> = {
  AutoContrast: autoContrast,
  Equalize: equalize,
  Invert: byTable(() => (v) => 255 - v),
  Rotate: rotate,
  PosterizeIncreasing: byTable((s) => {
    const mask = ~((1 << (8 - (4 - Math.trunc(s * 4)))) - 1);
    return (v) => v & mask;
  }),
  SolarizeIncreasing: byTable((s) => {
    const threshold = 256 - Math.trunc(s * 256);
    return (v) => (v < threshold ? v : 255 - v);
  }),
  SolarizeAdd: byTable((s) => {
    const add = Math.min(128, Math.trunc(s * 110));
    return (v) => (v < 128 ? v + add : v);
  }),
  ColorIncreasing: colour,
  ContrastIncreasing: contrast,
  BrightnessIncreasing: brightness,
  SharpnessIncreasing: sharpness,
  ShearX: (view, size, s, sign) => affine(view, size, [1, sign * 0.3 * s, 0, 0, 1, 0]),
  ShearY: (view, size, s, sign) => affine(view, size, [1, 0, 0, sign * 0.3 * s, 1, 0]),
  TranslateXRel: (view, size, s, sign) => affine(view, size, [1, 0, sign * 0.45 * s * size, 0, 1, 0]),
  TranslateYRel: (view, size, s, sign) => affine(view, size, [1, 0, 0, 0, 1, sign * 0.45 * s * size]),
};

/** Carries out one operation by name at magnitude 0 … 10. */
export function applyOperation(name: string, view: View, size: number, magnitude: number, sign = 1): View {
  const operation = OPERATIONS[name];
  check(operation, 'ERR_ARGUMENT', () => `there is no operation '${name}'; expected ${Object.keys(OPERATIONS)}`);
  return operation(view, size, Math.min(10, Math.max(0, magnitude)) / 10, sign);
}

/**
 * Draws operations with replacement and carries each out with its probability.
 * @param view uint8 RGB [size, size, 3]; may be returned as it is
 */
export function randAugment(view: View, size: number, options: RandAugmentOptions, draw: Random): View {
  const { operations = 2, magnitude = 9, magnitudeStd = 0.5, probability = 0.5 } = options;
  const names = Object.keys(OPERATIONS);
  let out = view;
  for (let k = 0; k < operations; k++) {
    const name = names[draw.int(names.length)]!;
    const skipped = draw.uniform() >= probability;
    const strength = magnitude + magnitudeStd * draw.normal();
    const sign = draw.uniform() < 0.5 ? 1 : -1;
    if (!skipped) out = applyOperation(name, out, size, strength, sign);
  }
  return out;
}
