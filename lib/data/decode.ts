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

const limited = limiter(Math.max(2, availableParallelism()));

/** A picture as 8-bit sRGB, upright, transparent parts white. */
function picture(file: string): Sharp {
  // Harmless oddities pass, as in other readers; cut-off and corrupt files do not.
  return sharp(file, { failOn: 'error' }).autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb');
}

function unreadable(file: string, cause: unknown): VlltrError {
  const reason = (cause as Error).message.trim().replace(/\s*\n\s*/g, '; ');
  return new VlltrError('ERR_DATA', `picture ${file} cannot be read: ${reason}`, { cause });
}

export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/** All pixels of a picture, RGB row-major [height, width, 3]. Throws ERR_DATA naming the file. */
export function decodeFull(file: string): Promise<Pixels> {
  return limited(async () => {
    try {
      const { data, info } = await picture(file).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
      return { data, width: info.width, height: info.height };
    } catch (cause) {
      throw unreadable(file, cause);
    }
  });
}

/** A picture with its short side scaled to `size` (bicubic), cut at the centre: RGB [size, size, 3]. */
export function decodeSquare(file: string, size: number): Promise<Uint8Array> {
  return limited(async () => {
    try {
      return await picture(file)
        .resize(size, size, { fit: 'cover', position: 'centre', kernel: 'cubic' })
        .raw({ depth: 'uchar' })
        .toBuffer();
    } catch (cause) {
      throw unreadable(file, cause);
    }
  });
}
