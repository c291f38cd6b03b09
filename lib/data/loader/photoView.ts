import { pictureKernels } from '../../runtime/pictureKernels.js';
import { viewDraw } from '../../training/augment.js';
import { cropView, drawCrop } from '../../training/imagenetView.js';
import type { Box } from '../../training/resample.js';
import { fiveCropResize, normalisedCrops, squareViews, type View, viewsEach } from '../../training/views.js';
import { coverSquare, fiveCrops, type Pixels, type Size } from '../../training/wholePicture.js';
import { decodeBytes, type PictureInput, pictureBytesNow } from '../decode.js';
import { type JpegHeader, jpegHeader } from '../jpegHeader.js';

/** One picture and what is to be made of it; can be sent to a worker. */
export interface ViewJob {
  input: PictureInput;
  /** Height and width of the centre square that views are made of, but for crops of the whole picture. */
  size: number;
  /** Height and width of the view. */
  to: number;
  view: View;
  /** Of the picture in its batch: keys the draws. */
  position: number;
}

/** By how much a decoder may shrink a picture for a crop to keep at least `to` pixels each way. */
export function shrinkFor(box: Size, to: number): number {
  const spare = Math.min(box.width, box.height) / to;
  return [8, 4, 2].find((factor) => factor <= spare) ?? 1;
}

/** A part of a picture in the pixels of the picture scaled to another size, `least` of them each way. */
export function scaledBox(box: Box, from: Size, to: Size, least: number): Box {
  const [x, y] = [to.width / from.width, to.height / from.height];
  const width = Math.max(least, Math.min(to.width, Math.round(box.width * x)));
  const height = Math.max(least, Math.min(to.height, Math.round(box.height * y)));
  return {
    width,
    height,
    left: Math.min(to.width - width, Math.round(box.left * x)),
    top: Math.min(to.height - height, Math.round(box.top * y)),
  };
}

let workspace = new Uint8Array(0);
/** More than this is let go of with the picture that needed it: 5 megapixels. */
const MOST_KEPT = 16 << 20;

/** Bytes that are the caller's until the next call, so that memory is not asked for, and cleared, for each picture. */
function room(bytes: number): Uint8Array {
  if (bytes > MOST_KEPT) return new Uint8Array(bytes);
  if (workspace.length < bytes) workspace = new Uint8Array(bytes);
  return workspace.subarray(0, bytes);
}

/** What sharp takes at most. */
const MOST_PIXELS = 0x3fff ** 2;

/**
 * A part of an upright JPEG by libjpeg-turbo in the addon, in this thread; undefined where it cannot be had, or the file is
 * of another kind or has anything wrong: what of that passes is for sharp to say. It gives the bits that sharp gives, shrunk
 * ones nearly so. What it returns is overwritten by the next call.
 * @param box in the pixels of the picture that is shrunk, its size rounded down
 */
function nativePart(bytes: Uint8Array, header: JpegHeader | undefined, box?: Box, shrink = 1): Pixels | undefined {
  const kernels = pictureKernels();
  if (!kernels || !header || header.orientation !== 1 || header.width * header.height > MOST_PIXELS) return undefined;
  const { left, top, width, height } = box ?? { left: 0, top: 0, ...header };
  const data = room(width * height * 3);
  return kernels.decodeJpeg(bytes, left, top, width, height, shrink, data) ? { data, width, height } : undefined;
}

/** The paper's training view: a random crop of the whole picture, and what follows it. */
async function photoCrop({ input, to, view, position }: ViewJob, out: Float32Array): Promise<void> {
  if (view.kind !== 'train' || view.augment.preset !== 'imagenet')
    throw new TypeError('no training view of a photograph');
  const bytes = await pictureBytesNow(input);
  const draw = viewDraw(view.seed, view.stream, position, view.step);
  const known = jpegHeader(bytes);
  const planned = known && drawCrop(known, view.augment, draw);
  const shrink = planned && view.decode === 'fast' ? shrinkFor(planned, to) : 1;
  if (known && planned) {
    // Rounded down, so that sharp's own factor comes to no less.
    const small = { width: Math.floor(known.width / shrink), height: Math.floor(known.height / shrink) };
    // What is scaled by less than 1/shrink could be rounded to less than the view.
    const least = shrink > 1 ? to : 1;
    // libjpeg's pixels are `shrink` wide, sharp's a little more, for the last are not cut off.
    const covered = { width: small.width * shrink, height: small.height * shrink };
    const part = nativePart(bytes, known, scaledBox(planned, covered, small, least), shrink);
    if (part) {
      const whole = { left: 0, top: 0, width: part.width, height: part.height };
      cropView(part.data, 0, part.width, whole, out, 0, to, view.augment, draw);
      return;
    }
    const box = scaledBox(planned, known, small, least);
    const pixels = await decodeBytes(bytes, input, shrink > 1 ? small : undefined);
    if (pixels.width === small.width && pixels.height === small.height) {
      cropView(pixels.data, 0, pixels.width, box, out, 0, to, view.augment, draw);
      return;
    }
  }
  // No JPEG, or one whose header lies.
  const pixels = await decodeBytes(bytes, input);
  const box = drawCrop(pixels, view.augment, draw);
  cropView(pixels.data, 0, pixels.width, box, out, 0, to, view.augment, draw);
}

/**
 * The view (five of them: one after the other) of a picture, normalised: a function of the job and the file's bytes alone.
 * @param out is filled, and returned: [viewsEach, to, to, 3]
 * @throws VlltrError ERR_DATA naming the picture
 */
export async function photoView(
  job: ViewJob,
  out: Float32Array = new Float32Array(viewsEach(job.view) * job.to * job.to * 3),
): Promise<Float32Array> {
  const { input, size, to, view } = job;
  if (view.kind === 'train' && view.augment.preset === 'imagenet') {
    await photoCrop(job, out);
    return out;
  }
  const bytes = await pictureBytesNow(input);
  const pixels = nativePart(bytes, jpegHeader(bytes)) ?? (await decodeBytes(bytes, input));
  if (view.kind === 'five') out.set(normalisedCrops(fiveCrops(pixels, fiveCropResize(to), to), to));
  else out.set(squareViews(coverSquare(pixels, size), size, to, view, job.position));
  return out;
}
