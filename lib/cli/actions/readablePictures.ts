import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { subset } from '../../data/subset.js';
import type { ImageSource } from '../../data/types.js';
import { reasonLines, UnreadablePictures } from '../../data/unreadablePictures.js';
import { VlltrError } from '../../errors.js';
import { say, yellow } from '../terminal.js';

/** A picture that an evaluation goes without. */
export interface LeftOut {
  image: string;
  error: string;
}

/** Of which pictures a finding is. */
export interface Readable<T> {
  images: ImageSource;
  leftOut: LeftOut[];
  found: T;
}

/**
 * Looks at pictures, at those that can be read alone where `skip` allows it; which ones those are is found out only where
 * one cannot be.
 * @throws VlltrError ERR_DATA naming all that cannot be read, where they are not skipped or are all there are
 */
export async function onReadable<T>(
  images: ImageSource,
  skip: boolean,
  look: (images: ImageSource) => Promise<T>,
): Promise<Readable<T>> {
  try {
    return { images, leftOut: [], found: await look(images) };
  } catch (error) {
    if (!(error instanceof UnreadablePictures)) throw error;
    const { reasons, message } = error;
    const left = images.length - reasons.size;
    if (left === 0) throw error;
    if (!skip) throw new VlltrError('ERR_DATA', `${message}\n${rest(left)}`, { cause: error });
    say(`${yellow('warning')} ${reasons.size} of ${images.length} pictures left out:\n  ${reasonLines(reasons)}`);
    const kept = subset(
      images,
      Array.from({ length: images.length }, (_, i) => i).filter((i) => !reasons.has(i)),
    );
    const leftOut = Array.from(reasons, ([i, reason]) => ({ image: images.id(i), error: reason }));
    return { images: kept, leftOut, found: await look(kept) };
  }
}

/**
 * Runs a training, which pictures of val or test stop where they cannot be read, as late as after its last update: says that
 * nothing is lost, and how it goes on.
 * @throws what `train` throws
 */
export async function resumable(command: string, run: string, train: () => Promise<void>): Promise<void> {
  try {
    await train();
  } catch (error) {
    if (!(error instanceof UnreadablePictures) || !existsSync(join(run, 'config.json'))) throw error;
    const goesOn = `vl-ltr ${command} --run ${run} --resume goes on when they are mended, or gone from val and test.`;
    throw new VlltrError('ERR_DATA', `${error.message}\nNothing of the run is lost: ${goesOn}`, { cause: error });
  }
}

const rest = (left: number): string =>
  `Figures of fewer pictures are not those of the split; --skip-unreadable evaluates the other ${left} and says so.`;
