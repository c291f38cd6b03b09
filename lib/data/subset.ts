import type { ImageSource } from './types.js';

/** Some pictures of a source: picture `k` is its picture `chosen[k]`. */
export function subset(images: ImageSource, chosen: readonly number[]): ImageSource {
  const own = (indices: ArrayLike<number>): number[] => Array.from(indices, (k) => chosen[k]!);
  return {
    length: chosen.length,
    size: images.size,
    labels: Int32Array.from(chosen, (i) => images.labels[i]!),
    id: (k) => images.id(chosen[k]!),
    read: (indices) => images.read(own(indices)),
    views: images.views && ((indices, to, view) => images.views!(own(indices), to, view)),
  };
}
