import { pictureKernels } from '../../runtime/pictureKernels.js';
import { viewDraw } from '../../training/augment.js';
import { cropView, drawCrop } from '../../training/imagenetView.js';
import type { Box } from '../../training/resample.js';
import { fiveCropResize, normalisedCrops, squareViews, type View } from '../../training/views.js';
import { coverSquare, fiveCrops, type Pixels, type Size } from '../../training/wholePicture.js';
import { decodeBytes, type PictureInput, pictureBytes } from '../decode.js';
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

/** A part of a picture in the pixels of the picture scaled to another size. */
function scaledBox(box: Box, from: Size, to: Size): Box {
  const [x, y] = [to.width / from.width, to.height / from.height];
  const width = Math.max(1, Math.min(to.width, Math.round(box.width * x)));
  const height = Math.max(1, Math.min(to.height, Math.round(box.height * y)));
  return {
    width,
    height,
    left: Math.min(to.width - width, Math.round(box.left * x)),
    top: Math.min(to.height - height, Math.round(box.top * y)),
  };
}

/** What sharp takes at most. */
const MOST_PIXELS = 0x3fff ** 2;

/**
 * A part of an upright JPEG by libjpeg-turbo in the addon, in this thread; undefined where it cannot be had, or the file is
 * of another kind or has anything wrong: what of that passes is for sharp to say. It gives the bits that sharp gives, shrunk
 * ones nearly so.
 * @param box in the pixels of the picture that is shrunk, its size rounded down
 */
function nativePart(bytes: Uint8Array, header: JpegHeader | undefined, box?: Box, shrink = 1): Pixels | undefined {
  const kernels = pictureKernels();
  if (!kernels || !header || header.orientation !== 1 || header.width * header.height > MOST_PIXELS) return undefined;
  const { left, top, width, height } = box ?? { left: 0, top: 0, ...header };
  const data = new Uint8Array(width * height * 3);
  return kernels.decodeJpeg(bytes, left, top, width, height, shrink, data) ? { data, width, height } : undefined;
}

/** The paper's training view: a random crop of the whole picture, and what follows it. */
async function photoCrop({ input, to, view, position }: ViewJob): Promise<Float32Array> {
  if (view.kind !== 'train' || view.augment.preset !== 'imagenet')
    throw new TypeError('no training view of a photograph');
  const bytes = await pictureBytes(input);
  const draw = viewDraw(view.seed, view.stream, position, view.step);
  const out = new Float32Array(to * to * 3);
  const known = jpegHeader(bytes);
  const planned = known && drawCrop(known, view.augment, draw);
  const shrink = planned && view.decode === 'fast' ? shrinkFor(planned, to) : 1;
  if (known && planned) {
    // Rounded down, so that sharp's own factor comes to no less.
    const small = { width: Math.floor(known.width / shrink), height: Math.floor(known.height / shrink) };
    // libjpeg's pixels are `shrink` wide, sharp's a little more, for the last are not cut off.
    const covered = { width: small.width * shrink, height: small.height * shrink };
    const part = nativePart(bytes, known, scaledBox(planned, covered, small), shrink);
    if (part) {
      const whole = { left: 0, top: 0, width: part.width, height: part.height };
      cropView(part.data, 0, part.width, whole, out, 0, to, view.augment, draw);
      return out;
    }
    const box = scaledBox(planned, known, small);
    const pixels = await decodeBytes(bytes, input, shrink > 1 ? small : undefined);
    if (pixels.width === small.width && pixels.height === small.height) {
      cropView(pixels.data, 0, pixels.width, box, out, 0, to, view.augment, draw);
      return out;
    }
  }
  // No JPEG, or one whose header lies.
  const pixels = await decodeBytes(bytes, input);
  const box = drawCrop(pixels, view.augment, draw);
  cropView(pixels.data, 0, pixels.width, box, out, 0, to, view.augment, draw);
  return out;
}

/**
 * The view (five of them: one after the other) of a picture, normalised: a function of the job and the file's bytes alone.
 * @returns [viewsEach, to, to, 3]
 * @throws VlltrError ERR_DATA naming the picture
 */
export async function photoView(job: ViewJob): Promise<Float32Array> {
  const { input, size, to, view } = job;
  if (view.kind === 'train' && view.augment.preset === 'imagenet') return photoCrop(job);
  const bytes = await pictureBytes(input);
  const pixels = nativePart(bytes, jpegHeader(bytes)) ?? (await decodeBytes(bytes, input));
  if (view.kind === 'five') return normalisedCrops(fiveCrops(pixels, fiveCropResize(to), to), to);
  return squareViews(coverSquare(pixels, size), size, to, view, job.position);
}
