import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '../../lib/files/safetensors.js';
import { random } from '../../lib/random.js';
import { normalizeRows } from '../../lib/stages/zeroShot.js';

/** A batch of pairs; the teacher's features are as wide as the student's. */
export interface Problem {
  pairs: number;
  width: number;
  /** ln(1/τ), of student and teacher. */
  logitScale: number;
  smoothing: number;
  distillWeight: number;
}

/** CLIP's scale, at which rounding costs most. */
export const problemOf = (pairs: number, width: number): Problem => ({
  pairs,
  width,
  logitScale: Math.log(100),
  smoothing: 0.1,
  distillWeight: 0.5,
});

const pathOf = (folder: string): string => join(folder, 'batch.safetensors');

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
  await writeSafetensors(pathOf(folder), {
    image: { shape, data: image },
    text: { shape, data: features(image) },
    teacherImage: { shape, data: teacherImage },
    teacherText: { shape, data: features(teacherImage) },
    labels: { shape: [pairs], data: Int32Array.from({ length: pairs }, () => draw.int(Math.ceil(pairs / 3))) },
  });
}

/** What was written, by name. */
export async function readProblem(folder: string): Promise<Record<string, Float32Array | Int32Array>> {
  const { tensors } = await readSafetensors(pathOf(folder));
  const entries = Object.entries(tensors).map(([name, { data }]) => [name, data as Float32Array | Int32Array] as const);
  return Object.fromEntries(entries);
}
