// What a forward pass keeps for its gradient takes at most so many bytes; beyond them the gradient computes it once more. The
// attention's table is large by itself where there are many classes: a training is to stay near its size.
const MOST_SCORES = 256 * 2 ** 20;
const MOST_SIMILARITIES = 512 * 2 ** 20;

const within = (most: number, elements: number): number =>
  elements * Float32Array.BYTES_PER_ELEMENT <= most ? elements : 0;

/**
 * Elements that the anchor attention keeps: two scores for each anchor and image, whose number native/ rounds up to 16; none
 * where they would take more than 256 MiB, those of 1,000 classes of 64 for 512 images.
 */
export function keptScores(anchors: number, batch: number): number {
  return within(MOST_SCORES, 2 * anchors * 16 * Math.ceil(batch / 16));
}

/**
 * Elements that the contrastive loss keeps: the similarities of a batch, and as many of a teacher; none where they would take
 * more than 512 MiB, those of a batch of 8,192 with a teacher.
 */
export function keptSimilarities(batch: number, taught: boolean): number {
  return within(MOST_SIMILARITIES, batch ** 2 * (taught ? 2 : 1));
}
