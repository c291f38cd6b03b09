import { availableParallelism } from 'node:os';
import sharp, { type Sharp } from 'sharp';
import { VlltrError } from '../errors.js';

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

/** Where the bytes of a picture come from: a file, or a part of an archive under a name for messages. */
export type PictureInput = string | { name: string; bytes(): Promise<Uint8Array> };

/** A picture as 8-bit sRGB, upright, transparent parts white. */
async function picture(input: PictureInput): Promise<Sharp> {
  // Harmless oddities pass, as in other readers; cut-off and corrupt files do not.
  const source = typeof input === 'string' ? input : await input.bytes();
  return sharp(source, { failOn: 'error' }).autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb');
}

function unreadable(input: PictureInput, cause: unknown): VlltrError {
  const file = typeof input === 'string' ? input : input.name;
  const reason = (cause as Error).message.trim().replace(/\s*\n\s*/g, '; ');
  return new VlltrError('ERR_DATA', `picture ${file} cannot be read: ${reason}`, { cause });
}

export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/** All pixels of a picture, RGB row-major [height, width, 3]. Throws ERR_DATA naming the picture. */
export function decodeFull(file: PictureInput): Promise<Pixels> {
  return limited(async () => {
    try {
      const { data, info } = await (await picture(file)).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
      return { data, width: info.width, height: info.height };
    } catch (cause) {
      throw unreadable(file, cause);
    }
  });
}

/** A picture with its short side scaled to `size` (bicubic), cut at the centre: RGB [size, size, 3]. */
export function decodeSquare(file: PictureInput, size: number): Promise<Uint8Array> {
  return limited(async () => {
    try {
      return await (await picture(file))
        .resize(size, size, { fit: 'cover', position: 'centre', kernel: 'cubic' })
        .raw({ depth: 'uchar' })
        .toBuffer();
    } catch (cause) {
      throw unreadable(file, cause);
    }
  });
}
