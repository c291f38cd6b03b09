import { check } from '../errors.js';
import { type PictureKernels, pictureKernels } from '../runtime/pictureKernels.js';
import { affine, slide, type View } from './affine.js';
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

/** An operation at strength 0 … 1; `sign` is ±1 by chance. */
type Operation = (view: View, size: number, strength: number, sign: number, kernels: PictureKernels | null) => View;

/** The value of each byte, cut off to a byte. */
function tabulated(fn: (v: number) => number): Uint8ClampedArray {
  const table = new Uint8ClampedArray(256);
  for (let v = 0; v < 256; v++) table[v] = fn(v);
  return table;
}

/** Each byte through its channel's table. */
function mapped(view: View, [r, g, b]: readonly Uint8ClampedArray[], kernels: PictureKernels | null): View {
  const out = new Uint8ClampedArray(view.length);
  if (kernels) {
    const tables = new Uint8Array(768);
    for (const [c, table] of [r!, g!, b!].entries()) tables.set(table, 256 * c);
    kernels.mapView(view, tables, out);
    return out;
  }
  for (let i = 0; i < view.length; i += 3) {
    out[i] = r![view[i]!]!;
    out[i + 1] = g![view[i + 1]!]!;
    out[i + 2] = b![view[i + 2]!]!;
  }
  return out;
}

/** All channels through one table. */
function mappedAlike(view: View, fn: (v: number) => number, kernels: PictureKernels | null): View {
  const table = tabulated(fn);
  return mapped(view, [table, table, table], kernels);
}

const byTable =
  (table: (strength: number) => (v: number) => number): Operation =>
  (view, _size, strength, _sign, kernels) =>
    mappedAlike(view, table(strength), kernels);

/** How often each byte is met in red, green, blue and luma. */
function counted(view: View, kernels: PictureKernels | null): Int32Array[] {
  const counts = new Int32Array(1024);
  if (kernels) kernels.countView(view, counts);
  else
    for (let i = 0; i < view.length; i += 3) {
      for (let c = 0; c < 3; c++) counts[256 * c + view[i + c]!]! += 1;
      counts[768 + luma(view, i)]! += 1;
    }
  return [0, 256, 512, 768].map((from) => counts.subarray(from, from + 256));
}

/** Each channel through a table made from its histogram. */
const byHistogram =
  (table: (histogram: Int32Array) => (v: number) => number): Operation =>
  (view, _size, _strength, _sign, kernels) => {
    const [r, g, b] = counted(view, kernels).map((histogram) => tabulated(table(histogram)));
    return mapped(view, [r!, g!, b!], kernels);
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

/** How much of a view is kept against its plain form, 0.1 … 1.9: more than 1 enhances. */
const enhancement = (strength: number, sign: number): number => Math.max(0.1, 1 + sign * 0.9 * strength);

/** plain + factor·(v − plain), cut off to a byte as Pillow's blend does. */
const blended = (plain: number, v: number, factor: number): number =>
  Math.trunc(Math.min(255, Math.max(0, plain + factor * (v - plain))));

const colour: Operation = (view, size, strength, sign, kernels) => {
  const factor = enhancement(strength, sign);
  const out = new Uint8ClampedArray(view.length);
  if (kernels) {
    kernels.blendView(view, size, false, factor, out);
    return out;
  }
  for (let i = 0; i < view.length; i += 3) {
    const grey = luma(view, i);
    out[i] = blended(grey, view[i]!, factor);
    out[i + 1] = blended(grey, view[i + 1]!, factor);
    out[i + 2] = blended(grey, view[i + 2]!, factor);
  }
  return out;
};

const brightness: Operation = (view, _size, strength, sign, kernels) => {
  const factor = enhancement(strength, sign);
  return mappedAlike(view, (v) => blended(0, v, factor), kernels);
};

const contrast: Operation = (view, _size, strength, sign, kernels) => {
  const factor = enhancement(strength, sign);
  const sum = counted(view, kernels)[3]!.reduce((total, n, v) => total + n * v, 0);
  const mean = Math.trunc(sum / (view.length / 3) + 0.5);
  return mappedAlike(view, (v) => blended(mean, v, factor), kernels);
};

/** Against a smoothed view; the frame, which has no neighbours on one side, stays as it is. */
const sharpness: Operation = (view, size, strength, sign, kernels) => {
  const factor = enhancement(strength, sign);
  const line = size * 3;
  const out = new Uint8ClampedArray(view.length);
  if (kernels) {
    kernels.blendView(view, size, true, factor, out);
    return out;
  }
  out.set(view);
  for (let y = 1; y < size - 1; y++)
    for (let i = y * line + 3, end = (y + 1) * line - 3; i < end; i++) {
      const up = i - line;
      const down = i + line;
      const sum =
        view[up - 3]! +
        view[up]! +
        view[up + 3]! +
        view[i - 3]! +
        5 * view[i]! +
        view[i + 3]! +
        view[down - 3]! +
        view[down]! +
        view[down + 3]!;
      out[i] = blended(Math.round(sum / 13), view[i]!, factor);
    }
  return out;
};

const rotate: Operation = (view, size, strength, sign, kernels) => {
  const angle = (-sign * strength * 30 * Math.PI) / 180;
  const [cos, sin, m] = [Math.cos(angle), Math.sin(angle), size / 2];
  return affine(view, size, [cos, sin, m - cos * m - sin * m, -sin, cos, m + sin * m - cos * m], kernels);
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
  ShearX: (view, size, s, sign, kernels) => slide(view, size, sign * 0.3 * s, 0, false, kernels),
  ShearY: (view, size, s, sign, kernels) => slide(view, size, sign * 0.3 * s, 0, true, kernels),
  TranslateXRel: (view, size, s, sign, kernels) => slide(view, size, 0, sign * 0.45 * s * size, false, kernels),
  TranslateYRel: (view, size, s, sign, kernels) => slide(view, size, 0, sign * 0.45 * s * size, true, kernels),
};

/** Carries out one operation by name at magnitude 0 … 10: by the addon, or by TypeScript with the same bits. */
export function applyOperation(
  name: string,
  view: View,
  size: number,
  magnitude: number,
  sign = 1,
  kernels = pictureKernels(),
): View {
  const operation = OPERATIONS[name];
  check(operation, 'ERR_ARGUMENT', () => `there is no operation '${name}'; expected ${Object.keys(OPERATIONS)}`);
  return operation(view, size, Math.min(10, Math.max(0, magnitude)) / 10, sign, kernels);
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
