/** What a forward pass keeps for its gradient takes at most this; beyond it the gradient computes it once more. */
const MOST_KEPT_BYTES = 512 * 2 ** 20;

const within = (elements: number): number =>
  elements * Float32Array.BYTES_PER_ELEMENT <= MOST_KEPT_BYTES ? elements : 0;

/**
 * Elements that the anchor attention keeps: two scores for each anchor and image, whose number native/ rounds up to 16; none
 * where they would take more than 512 MiB, those of 1,000 classes of 64 for 1,024 images.
 */
export function keptScores(anchors: number, batch: number): number {
  return within(2 * anchors * 16 * Math.ceil(batch / 16));
}

/**
 * Elements that the contrastive loss keeps: the similarities of a batch, and as many of a teacher; none where they would take
 * more than 512 MiB, those of a batch of 8,192 with a teacher.
 */
export function keptSimilarities(batch: number, taught: boolean): number {
  return within(batch ** 2 * (taught ? 2 : 1));
}
