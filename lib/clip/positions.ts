import { check } from '../errors.js';
import { tf } from '../runtime/tf.js';

/** Cubic convolution's kernel (Keys 1981) with a = -0.75, as PyTorch has it. */
function cubic(distance: number): number {
  const a = -0.75;
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

/** Weights [to][from] of bicubic interpolation along one axis: half-pixel centres, the border repeated, no anti-aliasing. */
function axisWeights(from: number, to: number): Float64Array[] {
  return Array.from({ length: to }, (_, i) => {
    const row = new Float64Array(from);
    const centre = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(centre) - 1;
    for (let j = first; j < first + 4; j++) {
      const at = Math.min(from - 1, Math.max(0, j));
      row[at] = row[at]! + cubic(centre - j);
    }
    return row;
  });
}

/**
 * Position embeddings for another picture size: [1 + g^2, C] -> [1 + grid^2, C]. The first row (class or mean token) stays, the
 * others are a g x g picture, interpolated like PyTorch's `F.interpolate(mode='bicubic', align_corners=False)`.
 * @throws VlltrError ERR_ARGUMENT where the rows do not make a square
 */
export function interpolatePositions(positions: tf.Tensor2D, grid: number): tf.Tensor2D {
  const [rows, channels] = positions.shape;
  const from = Math.round(Math.sqrt(rows - 1));
  check(from > 0 && from * from === rows - 1 && Number.isSafeInteger(grid) && grid > 0, 'ERR_ARGUMENT', () => {
    return `interpolatePositions: ${rows} rows to a grid of ${grid}, expected 1 + a square number, and a positive grid`;
  });
  const axis = axisWeights(from, grid);
  const weights = new Float32Array(grid * grid * from * from);
  for (let y = 0, k = 0; y < grid; y++) {
    for (let x = 0; x < grid; x++) {
      for (let v = 0; v < from; v++) for (let u = 0; u < from; u++) weights[k++] = axis[y]![v]! * axis[x]![u]!;
    }
  }
  return tf.tidy(() => {
    const first = positions.slice([0, 0], [1, channels]);
    const picture = positions.slice([1, 0], [from * from, channels]);
    return tf.concat([first, tf.matMul(tf.tensor2d(weights, [grid * grid, from * from]), picture)]);
  });
}
