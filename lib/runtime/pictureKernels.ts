import { loadAddon } from '../../bindings/load.js';
import type { PictureAddon } from '../../bindings/pictures.js';

/** The addon's functions for pictures; where null is taken for them, TypeScript stands in. */
export type PictureKernels = PictureAddon;

let found: PictureKernels | null | undefined;

/**
 * The native kernels for pictures, unless they cannot be had or VLLTR_KERNELS=tfjs does without. They give the bits of what
 * stands in for them, sharp and TypeScript (but for JPEGs that are shrunk, which differ a little), only sooner.
 */
export function pictureKernels(): PictureKernels | null {
  if (found === undefined) {
    try {
      found = process.env.VLLTR_KERNELS === 'tfjs' ? null : loadAddon();
    } catch {
      found = null;
    }
  }
  return found;
}
