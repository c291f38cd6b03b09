import type { Size } from '../training/wholePicture.js';

/** What a JPEG's frame header says. */
export interface JpegHeader extends Size {
  /** 1 grey, 3 colour, 4 CMYK. */
  components: number;
  /** Exif's: 1 upright, 2 … 8 mirrored or turned. */
  orientation: number;
}

/** Tag of the orientation in Exif. */
const ORIENTATION = 0x0112;

/** Exif's orientation (1 … 8) in a segment APP1 whose TIFF header stands at `tiff`; 1 where it has none. */
function orientation(bytes: DataView, tiff: number, end: number): number {
  if (tiff + 8 > end) return 1;
  const little = bytes.getUint16(tiff) === 0x4949;
  const directory = tiff + bytes.getUint32(tiff + 4, little);
  if (directory + 2 > end) return 1;
  const entries = bytes.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > end) return 1;
    if (bytes.getUint16(at, little) !== ORIENTATION) continue;
    const found = bytes.getUint16(at + 8, little);
    return found >= 1 && found <= 8 ? found : 1; // others mean nothing, and decoders pass over them
  }
  return 1;
}

/**
 * Width and height of a JPEG as it stands upright, and its components, read off its header; undefined where the bytes are no
 * JPEG or end before its frame header. What is wrong with a file is for its decoder to say.
 */
export function jpegHeader(data: Uint8Array): JpegHeader | undefined {
  const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.byteLength < 4 || bytes.getUint16(0) !== 0xffd8) return undefined;
  let turn = 1;
  let at = 2;
  while (at + 10 <= bytes.byteLength) {
    if (bytes.getUint8(at) !== 0xff) return undefined;
    const marker = bytes.getUint8(at + 1);
    if (marker === 0xff) {
      at++; // a fill byte
      continue;
    }
    const length = bytes.getUint16(at + 2);
    // Exif\0\0, then TIFF.
    if (marker === 0xe1 && length >= 16 && at + 10 <= bytes.byteLength && bytes.getUint32(at + 4) === 0x45786966)
      turn = orientation(bytes, at + 10, Math.min(bytes.byteLength, at + 2 + length));
    // Frame headers are C0 … CF, but for the tables DHT, JPG and DAC.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      const [height, width] = [bytes.getUint16(at + 5), bytes.getUint16(at + 7)];
      if (width === 0 || height === 0) return undefined;
      const components = bytes.getUint8(at + 9);
      const more = { components, orientation: turn };
      return turn >= 5 ? { width: height, height: width, ...more } : { width, height, ...more };
    }
    if (marker === 0xda || marker === 0xd9) return undefined;
    at += 2 + length;
  }
  return undefined;
}
