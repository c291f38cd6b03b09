import sharp from 'sharp';
import type { Icon } from './sets.js';

/** Height and width of every picture, in pixels. */
export const SIZE = 32;
const RGB_BYTES = SIZE * SIZE * 3;

/** Pictures drawn at once: libuv's four threads stay busy, memory stays small. */
const IN_FLIGHT = 8;

/** Versions that decide what a drawing looks like; part of the cache key. */
export const DRAWING = { size: SIZE, sharp: sharp.versions.sharp, rsvg: sharp.versions.rsvg };

/** An icon as an SVG document of SIZE×SIZE, black where the icon takes the text colour. */
export function iconSvg(icon: Icon): string {
  let [left, top, width, height] = icon.box;
  let body = icon.body.replaceAll('currentColor', 'black');
  const moves: string[] = [];
  // The flips and turns of the icon format happen within the view box; a quarter turn swaps its sides.
  if (icon.hFlip) moves.push(`translate(${2 * left + width} 0) scale(-1 1)`);
  if (icon.vFlip) moves.push(`translate(0 ${2 * top + height}) scale(1 -1)`);
  if (icon.rotate) {
    const [x, y] = [left + width / 2, top + height / 2];
    moves.unshift(`rotate(${90 * icon.rotate} ${x} ${y})`);
    if (icon.rotate % 2 === 1) [left, top, width, height] = [x - height / 2, y - width / 2, height, width];
  }
  if (moves.length > 0) body = `<g transform="${moves.join(' ')}">${body}</g>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `viewBox="${left} ${top} ${width} ${height}" width="${SIZE}" height="${SIZE}">${body}</svg>`
  );
}

/** Draws one icon on white: uint8 RGB [SIZE, SIZE, 3]; undefined when it cannot be drawn. */
export async function drawIcon(icon: Icon): Promise<Uint8Array | undefined> {
  try {
    const pixels = await sharp(Buffer.from(iconSvg(icon)))
      .flatten({ background: 'white' })
      .resize(SIZE, SIZE, { fit: 'contain', background: 'white' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer();
    return pixels.length === RGB_BYTES ? new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.length) : undefined;
  } catch {
    return undefined; // A few icons hold broken markup; the caller counts them.
  }
}

/** Whether all pixels have one colour, so that nothing is to be seen. */
export function isBlank(pixels: Uint8Array): boolean {
  for (let i = 3; i < pixels.length; i++) if (pixels[i] !== pixels[i - 3]) return false;
  return true;
}

/**
 * Draws icons in order, several at a time.
 * @param take called for every icon in the order given; undefined: could not be drawn or shows nothing
 * @param onProgress called now and then with the number done
 */
export async function drawIcons(
  icons: readonly Icon[],
  take: (pixels: Uint8Array | undefined, index: number) => void | Promise<void>,
  onProgress?: (done: number) => void,
): Promise<void> {
  const before = sharp.concurrency();
  sharp.concurrency(1); // One thread a picture: at this size more only wait for one another.
  try {
    const pending: Promise<Uint8Array | undefined>[] = [];
    let next = 0;
    for (let i = 0; i < icons.length; i++) {
      while (next < icons.length && next < i + IN_FLIGHT) pending.push(drawIcon(icons[next++]!));
      const pixels = await pending.shift()!;
      await take(pixels && !isBlank(pixels) ? pixels : undefined, i);
      if ((i + 1) % 500 === 0 || i + 1 === icons.length) onProgress?.(i + 1);
    }
  } finally {
    sharp.concurrency(before);
  }
}
