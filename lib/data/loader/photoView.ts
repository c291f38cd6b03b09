import { viewDraw } from '../../training/augment.js';
import { cropView, drawCrop } from '../../training/imagenetView.js';
import type { Box } from '../../training/resample.js';
import { fiveCropResize, normalisedCrops, squareViews, type View } from '../../training/views.js';
import { coverSquare, fiveCrops, type Pixels, type Size } from '../../training/wholePicture.js';
import { decodeBytes, type PictureInput, pictureBytes } from '../decode.js';
import { jpegHeader } from '../jpegHeader.js';

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

/** The paper's training view: a random crop of the whole picture, and what follows it. */
async function photoCrop({ input, to, view, position }: ViewJob): Promise<Float32Array> {
  if (view.kind !== 'train' || view.augment.preset !== 'imagenet')
    throw new TypeError('no training view of a photograph');
  const bytes = await pictureBytes(input);
  const draw = viewDraw(view.seed, view.stream, position, view.step);
  const out = new Float32Array(to * to * 3);
  const known = view.decode === 'fast' ? jpegHeader(bytes) : undefined;
  const planned = known && drawCrop(known, view.augment, draw);
  const shrink = planned ? shrinkFor(planned, to) : 1;
  let pixels: Pixels;
  let box: Box;
  if (known && planned && shrink > 1) {
    // Rounded down, so that the decoder's own factor comes to no less.
    const small = { width: Math.floor(known.width / shrink), height: Math.floor(known.height / shrink) };
    pixels = await decodeBytes(bytes, input, small);
    box = scaledBox(planned, known, pixels);
  } else {
    pixels = await decodeBytes(bytes, input);
    // A header may lie; the decoder's word counts.
    const agreed = planned && known?.width === pixels.width && known.height === pixels.height;
    box = agreed ? planned : drawCrop(pixels, view.augment, draw);
  }
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
  const pixels = await decodeBytes(await pictureBytes(input), input);
  if (view.kind === 'five') return normalisedCrops(fiveCrops(pixels, fiveCropResize(to), to), to);
  return squareViews(coverSquare(pixels, size), size, to, view, job.position);
}
