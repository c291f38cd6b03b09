import { random } from '../../lib/random.js';
import { normalizeRows } from '../../lib/stages/zeroShot.js';
import { writeArrays } from '../support/arrays.js';
import type { Work } from '../support/figures.js';
import { sizeOf } from '../support/options.js';

/** A batch of pairs; the teacher's features are as wide as the student's. */
export interface Problem {
  pairs: number;
  width: number;
  /** ln(1/τ), of student and teacher. */
  logitScale: number;
  smoothing: number;
  distillWeight: number;
}

/** At CLIP's scale, at which rounding costs most. */
export function problemOf(size: string): Problem {
  const [pairs, width] = sizeOf(size, 'BxD') as [number, number];
  return { pairs, width, logitScale: Math.log(100), smoothing: 0.1, distillWeight: 0.5 };
}

/** Features [B, D] by name, and labels [B]: three pairs a class, texts near their images as after some training. */
export async function writeProblem({ pairs, width }: Problem, folder: string): Promise<void> {
  const draw = random(5, 'contrastive');
  const noise = 2 / Math.sqrt(width);
  const features = (near?: Float32Array): Float32Array =>
    normalizeRows(
      Float32Array.from({ length: pairs * width }, (_, i) => (near ? near[i]! + noise * draw.normal() : draw.normal())),
      width,
    );
  const shape = [pairs, width];
  const image = features();
  const teacherImage = features();
  await writeArrays(folder, {
    image: { shape, data: image },
    text: { shape, data: features(image) },
    teacherImage: { shape, data: teacherImage },
    teacherText: { shape, data: features(teacherImage) },
    labels: { shape: [pairs], data: Int32Array.from({ length: pairs }, () => draw.int(Math.ceil(pairs / 3))) },
  });
}

/** Similarities of student and teacher, kept for the gradient's two products; features read, gradients written. */
export function workOf({ pairs, width }: Problem): Record<string, Work> {
  const product = 2 * pairs * pairs * width;
  const features = 4 * pairs * width;
  return {
    forward: { flops: 2 * product, bytes: 4 * features },
    both: { flops: 4 * product, bytes: 6 * features },
  };
}
