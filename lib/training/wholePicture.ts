import { resampleBicubic } from './resample.js';

export interface Size {
  width: number;
  height: number;
}

/** A picture, uint8 RGB row-major [height, width, 3]. */
export interface Pixels extends Size {
  data: Uint8Array;
}

/** The size of a picture whose short side is scaled to `short`; the long side is cut off to whole pixels, as torchvision does. */
export function coverSize({ width, height }: Size, short: number): Size {
  return width < height
    ? { width: short, height: Math.max(short, Math.trunc((short * height) / width)) }
    : { width: Math.max(short, Math.trunc((short * width) / height)), height: short };
}

/** A whole picture resampled (Pillow's antialiased bicubic): RGB [height, width, 3]. */
export function resized(pixels: Pixels, { width, height }: Size): Uint8ClampedArray {
  if (width === pixels.width && height === pixels.height) return Uint8ClampedArray.from(pixels.data);
  const box = { left: 0, top: 0, width: pixels.width, height: pixels.height };
  return resampleBicubic(pixels.data, 0, pixels.width, box, width, height);
}

/** The square of `size` pixels at (left, top) of an RGB picture `width` pixels wide. */
export function cut(data: ArrayLike<number>, width: number, left: number, top: number, size: number): Uint8Array {
  const rows = data as Uint8Array;
  const out = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    const from = ((top + y) * width + left) * 3;
    out.set(rows.subarray(from, from + size * 3), y * size * 3);
  }
  return out;
}

/** Half to even, as Python rounds: where torchvision puts a centre crop. */
const rounded = (x: number): number => (x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/** Where the centred square of `size` pixels begins. */
export const centre = ({ width, height }: Size, size: number): { left: number; top: number } => ({
  left: rounded((width - size) / 2),
  top: rounded((height - size) / 2),
});

/** A picture with its short side scaled to `size`, cut at the centre: RGB [size, size, 3]. */
export function coverSquare(pixels: Pixels, size: number): Uint8Array {
  const whole = coverSize(pixels, size);
  const { left, top } = centre(whole, size);
  return cut(resized(pixels, whole), whole.width, left, top, size);
}

/** The four corners and the centre of a picture whose short side is scaled to `resize`: five RGB [to, to, 3]. */
export function fiveCrops(pixels: Pixels, resize: number, to: number): Uint8Array[] {
  const whole = coverSize(pixels, resize);
  const data = resized(pixels, whole);
  const [right, bottom] = [whole.width - to, whole.height - to];
  const middle = centre(whole, to);
  const corners = [
    { left: 0, top: 0 },
    { left: right, top: 0 },
    { left: 0, top: bottom },
    { left: right, top: bottom },
    middle,
  ];
  return corners.map(({ left, top }) => cut(data, whole.width, left, top, to));
}
