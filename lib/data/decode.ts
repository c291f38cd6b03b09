import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import sharp, { type Sharp } from 'sharp';
import { VlltrError } from '../errors.js';
import { failedBelow, patiently } from '../files/passing.js';
import { coverSquare, type Pixels, type Size } from '../training/wholePicture.js';
import { readMember, readMemberSync } from './formats/tar.js';
import { jpegHeader } from './jpegHeader.js';
import { whyUnreadable } from './whyUnreadable.js';

// Pictures differ, so libvips' cache only holds memory; many pictures at a time use the cores better than many threads a
// picture, and spare glibc's allocator the fragmentation that threads bring.
sharp.cache(false);
sharp.concurrency(1);

/** Runs at most `limit` jobs at a time, first come first served. */
export function limiter(limit: number): <T>(job: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (job) => {
    if (running < limit) running++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await job();
    } finally {
      // A waiting job takes this one's place, so `running` stays.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

const AT_ONCE = Math.max(2, availableParallelism());
const limited = limiter(AT_ONCE);

/** Runs a job for every index 0 … n-1, as many at once as pictures are decoded. */
export async function inParallel(n: number, job: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < n) await job(next++);
  };
  await Promise.all(Array.from({ length: Math.min(n, 2 * AT_ONCE) }, worker));
}

/** Where the bytes of a picture are: a file, or a part of an archive under a name for messages. Can be sent to a worker. */
export type PictureInput = string | { name: string; file: string; offset: number; size: number };

/** How messages name a picture. */
export const pictureName = (input: PictureInput): string => (typeof input === 'string' ? input : input.name);

/**
 * The encoded bytes of a picture.
 * @throws VlltrError naming it: ERR_DATA where there is no such file, or none that may be read, ERR_IO where the file system
 *   failed, or an archive is gone
 */
export async function pictureBytes(input: PictureInput): Promise<Buffer> {
  try {
    return await patiently(() =>
      typeof input === 'string' ? readFile(input) : readMember(input.file, input.offset, input.size),
    );
  } catch (cause) {
    // An archive that is gone holds all its pictures, whatever the system says of it.
    const archive = typeof input !== 'string' && typeof (cause as NodeJS.ErrnoException).errno === 'number';
    if (!archive && !failedBelow(cause)) throw unreadable(input, cause);
    // Taken for a fault of the picture's, a share's hiccup would put other pictures into the training.
    const what = `the file system failed (${(cause as Error).message}), which says nothing of the picture; try again once it serves`;
    throw new VlltrError('ERR_IO', `picture ${pictureName(input)} cannot be read: ${what}`, { cause });
  }
}

/** The same, the thread waiting while it reads: a third of the work where the file is in memory. */
export async function pictureBytesNow(input: PictureInput): Promise<Buffer> {
  try {
    return typeof input === 'string' ? readFileSync(input) : readMemberSync(input.file, input.offset, input.size);
  } catch {
    return pictureBytes(input); // which waits for what passes, and says what does not
  }
}

/**
 * A picture as 8-bit RGB, upright, transparent parts white. Colour profiles are left out of account, as Pillow and so
 * CLIP's training did; CMYK stays as it is.
 */
function picture(bytes: Uint8Array, cmyk: boolean): Sharp {
  // Harmless oddities pass, as in other readers; cut-off and corrupt files do not.
  const whole = sharp(bytes, { failOn: 'error', ignoreIcc: true }).autoOrient();
  if (cmyk) return whole.pipelineColourspace('cmyk').toColourspace('cmyk');
  return whole.flatten({ background: '#ffffff' }).toColourspace('srgb');
}

/** RGB of CMYK without a profile, as Pillow has it: each ink takes its share of what black leaves. */
function rgbOfCmyk(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const left = 255 - cmyk[from + 3]!;
    for (let c = 0; c < 3; c++) rgb[to + c] = left - Math.round((cmyk[from + c]! * left) / 255);
  }
  return rgb;
}

function unreadable(input: PictureInput, cause: unknown): VlltrError {
  return new VlltrError('ERR_DATA', `picture ${pictureName(input)} cannot be read: ${whyUnreadable(cause)}`, { cause });
}

/**
 * All pixels of a picture, RGB row-major [height, width, 3].
 * @param input names it in the error
 * @param to width and height, both no more than the picture's, to which a JPEG is shrunk as it is decoded
 * @throws VlltrError ERR_DATA naming the picture
 */
export async function decodeBytes(bytes: Uint8Array, input: PictureInput, to?: Size): Promise<Pixels> {
  try {
    const cmyk = jpegHeader(bytes)?.components === 4;
    const whole = picture(bytes, cmyk);
    if (to) whole.resize(to.width, to.height, { fit: 'fill', kernel: 'cubic' });
    const { data, info } = await whole.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { data: cmyk ? rgbOfCmyk(data) : data, width: info.width, height: info.height };
  } catch (cause) {
    throw unreadable(input, cause);
  }
}

/** All pixels of a picture, RGB row-major [height, width, 3]. Throws ERR_DATA or, of its file, ERR_IO naming the picture. */
export function decodeFull(input: PictureInput): Promise<Pixels> {
  return limited(async () => decodeBytes(await pictureBytes(input), input));
}

/**
 * A picture with its short side scaled to `size` (Pillow's antialiased bicubic), cut at the centre: RGB [size, size, 3].
 * Throws ERR_DATA or, of its file, ERR_IO naming the picture.
 */
export async function decodeSquare(input: PictureInput, size: number): Promise<Uint8Array> {
  return coverSquare(await decodeFull(input), size);
}
