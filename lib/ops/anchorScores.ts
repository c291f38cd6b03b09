/** Scores that the forward pass keeps for the gradient take at most this: 1,000 classes of 64 for 1,024 images. */
const MOST_KEPT_BYTES = 512 * 2 ** 20;

/**
 * Elements that the anchor attention keeps for its gradient: two scores for each anchor and image, whose number native/ rounds
 * up to 16; none where they would take more than 512 MiB.
 */
export function keptScores(anchors: number, batch: number): number {
  const elements = 2 * anchors * 16 * Math.ceil(batch / 16);
  return elements * Float32Array.BYTES_PER_ELEMENT <= MOST_KEPT_BYTES ? elements : 0;
}
