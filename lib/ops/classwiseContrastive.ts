import { VlltrError } from '../errors.js';
import { type KernelRoute, kernels } from '../runtime/ready.js';
import { tf } from '../runtime/tf.js';
import { Arguments, type Integers, toInt32, toScalar } from './arguments.js';
import { classwiseContrastiveNative } from './classwiseContrastiveNative.js';
import { product } from './product.js';

/** A frozen model's view of the same pairs. Its embedding size may differ from the student's. */
export interface ContrastiveTeacher {
  /** Unit rows, float32 [B, D']. */
  image: tf.Tensor2D;
  /** Unit rows, float32 [B, D']. */
  text: tf.Tensor2D;
  /** The teacher's own ln(1/τ). */
  logitScale: number | tf.Scalar;
}

export interface ClasswiseContrastiveArguments {
  /** Image features, unit rows, float32 [B, D]; neither normalised nor checked here. */
  image: tf.Tensor2D;
  /** Features of one sentence of each image's class, unit rows, float32 [B, D]. */
  text: tf.Tensor2D;
  /** Class of each pair, int32 [B]: pairs of one class are each other's positives. */
  labels: Integers;
  /** ln(1/τ). Given as a tensor it gets a gradient. Never clamped here. */
  logitScale: number | tf.Scalar;
  /** Label smoothing ε in [0, 1]; default 0. */
  smoothing?: number;
  teacher?: ContrastiveTeacher;
  /** β in [0, 1], the weight of the distillation term; default 0.5 with a teacher, else 0. */
  distillWeight?: number;
  /**
   * `bf16`: features are rounded to bfloat16 in products, S and everything made of it is float32; gradients are then off
   * by about 1 %, and processors with bfloat16 products are faster. The plain formula computes in float32 whatever this
   * says. Default `fp32`.
   */
  precision?: 'fp32' | 'bf16';
}

/** Arguments that were checked, with their defaults. */
export type CheckedContrastive = ClasswiseContrastiveArguments &
  Required<Pick<ClasswiseContrastiveArguments, 'smoothing' | 'distillWeight' | 'precision'>>;

export type ClasswiseContrastiveResult = {
  /** (1 − β)·contrastive + β·distillation. */
  loss: tf.Scalar;
  /** The contrastive term; its gradient is zero. */
  contrastive: tf.Scalar;
  /** The distillation term, 0 without a teacher; its gradient is zero. */
  distillation: tf.Scalar;
};

/**
 * Class-wise contrastive loss with distillation, the loss of the paper's class-wise visual-linguistic pre-training
 * (Tian et al., ECCV 2022, section 3.2).
 *
 * With S = exp(logitScale)·image·textᵀ, the contrastive term is the mean of the cross-entropies of S's rows and of its
 * columns against the uniform distribution over the pairs of the same class, smoothed by ε towards uniform over all;
 * the distillation term is the same against the softmax of the teacher's rows and columns.
 *
 * Gradients flow from `loss` to `image`, `text` and `logitScale`; labels and teacher get none. By the route that
 * `ready()` chose; the addon's kernels form no B×B matrix but the similarities that they keep for the gradient, where
 * these take at most 512 MiB. The inputs may be disposed once this returns. The caller disposes the three scalars.
 * Throws `ERR_ARGUMENT`, `ERR_NOT_READY`; `ERR_NATIVE` if a kernel refuses.
 */
export function classwiseContrastive(args: ClasswiseContrastiveArguments): ClasswiseContrastiveResult {
  return classwiseContrastiveBy(kernels('classwiseContrastive'), args);
}

/** `classwiseContrastive` by a given route. */
export function classwiseContrastiveBy(
  route: KernelRoute,
  args: ClasswiseContrastiveArguments,
): ClasswiseContrastiveResult {
  const checked = checkArguments(args);
  return tf.tidy(() => {
    const terms = route === 'tfjs' ? termsTfjs(checked) : classwiseContrastiveNative(route, checked);
    const [loss, contrastive, distillation] = tf.unstack(terms);
    return {
      loss: loss as tf.Scalar,
      contrastive: contrastive as tf.Scalar,
      distillation: distillation as tf.Scalar,
    };
  });
}

function checkArguments(args: ClasswiseContrastiveArguments): CheckedContrastive {
  const argument = new Arguments('classwiseContrastive');
  argument.object(args);
  const { image, text, labels, logitScale, ...rest } = args;
  argument.tensor('image', image, ['B', 'D']);
  argument.tensor('text', text, ['B', 'D']);
  argument.integers('labels', labels, 'B');
  argument.scalar('logitScale', logitScale);
  const { smoothing = 0, teacher, distillWeight = teacher ? 0.5 : 0, precision = 'fp32' } = rest;
  argument.number('smoothing', smoothing, 0, 1);
  argument.number('distillWeight', distillWeight, 0, 1);
  if (teacher) {
    argument.tensor('teacher.image', teacher.image, ['B', 'D(teacher)']);
    argument.tensor('teacher.text', teacher.text, ['B', 'D(teacher)']);
    argument.scalar('teacher.logitScale', teacher.logitScale);
  } else if (distillWeight > 0) {
    throw new VlltrError(
      'ERR_ARGUMENT',
      `classwiseContrastive: distillWeight is ${distillWeight} but there is no teacher; expected a teacher, or 0`,
    );
  }
  if (precision !== 'fp32' && precision !== 'bf16') argument.fail('precision', precision, "'fp32' or 'bf16'");
  return { ...args, smoothing, distillWeight, precision };
}

/** Loss, contrastive and distillation [3] by the plain formula on any backend: reference and fallback. */
function termsTfjs(args: CheckedContrastive): tf.Tensor {
  const { image, text, labels, logitScale, smoothing, teacher, distillWeight } = args;
  const batch = image.shape[0];

  // One op with one output: loss, contrastive, distillation. Only the first has a gradient.
  const terms = tf.customGrad((v, t, s, save) => {
    const scale = tf.exp(s as tf.Scalar);
    const similarity = product(tf.mul(v as tf.Tensor2D, scale), t as tf.Tensor2D, false, true);
    const rows = logSumExp(similarity, 1);
    const columns = logSumExp(similarity, 0);

    const positives = positiveTargets(toInt32(labels), smoothing);
    const contrastive = crossEntropies(similarity, rows, columns, positives, positives);
    let distillation = tf.scalar(0);
    let loss = contrastive;
    // Both directions' targets, weighted: all that the gradient needs of labels and teacher.
    let targets = tf.mul(positives, 2 * (1 - distillWeight));
    if (teacher) {
      const soft = teacherTargets(teacher);
      distillation = crossEntropies(similarity, rows, columns, soft.rows, soft.columns);
      loss = tf.add(tf.mul(contrastive, 1 - distillWeight), tf.mul(distillation, distillWeight));
      targets = tf.add(targets, tf.mul(tf.add(soft.rows, soft.columns), distillWeight));
    }

    (save as tf.GradSaveFunc)([v as tf.Tensor, t as tf.Tensor, scale, similarity, rows, columns, targets]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => contrastiveGradient(dy as tf.Tensor1D, saved, batch);
    return { value: tf.stack([loss, contrastive, distillation]), gradFunc };
  });

  return terms(image, text, toScalar(logitScale));
}

/** dS = (p + q − targets)/2B, then dV = eˢ·dS·T, dT = eˢ·dSᵀ·V and ds = Σ⟨v, dV⟩. */
function contrastiveGradient(dy: tf.Tensor1D, saved: tf.Tensor[], batch: number): tf.Tensor[] {
  const [v, t, scale, similarity, rows, columns, targets] = saved as tf.Tensor2D[];
  const p = tf.exp(tf.sub(similarity!, rows!));
  const q = tf.exp(tf.sub(similarity!, columns!));
  const dLoss = tf.reshape(tf.slice1d(dy, 0, 1), []);
  const factor = tf.mul(tf.mul(dLoss, scale!), 1 / (2 * batch));
  const dS = tf.mul(tf.sub(tf.add(p, q), targets!), factor) as tf.Tensor2D;
  const dV = product(dS, t!);
  const dT = product(dS, v!, true);
  return [dV, dT, tf.sum(tf.mul(v!, dV))];
}

/** log Σ exp over one axis, kept with size 1. */
function logSumExp(similarity: tf.Tensor2D, axis: 0 | 1): tf.Tensor2D {
  const top = tf.max(similarity, axis, true);
  return tf.add(top, tf.log(tf.sum(tf.exp(tf.sub(similarity, top)), axis, true)));
}

/** (1 − ε)·[y_i = y_j]/n_{y_i} + ε/B, symmetric [B, B]: the targets of rows and of columns alike. */
function positiveTargets(labels: tf.Tensor1D, smoothing: number): tf.Tensor2D {
  const same = tf.cast(tf.equal(tf.expandDims(labels, 1), tf.expandDims(labels, 0)), 'float32') as tf.Tensor2D;
  const uniform: tf.Tensor2D = tf.div(same, tf.sum(same, 1, true));
  if (smoothing === 0) return uniform;
  return tf.add(tf.mul(uniform, 1 - smoothing), smoothing / labels.shape[0]);
}

/** Softmax of the teacher's rows and of its columns, both [B, B] and indexed [image, text]. */
function teacherTargets(teacher: ContrastiveTeacher): { rows: tf.Tensor2D; columns: tf.Tensor2D } {
  const scale = tf.exp(toScalar(teacher.logitScale));
  const similarity = product(tf.mul(teacher.image, scale), teacher.text, false, true);
  return {
    rows: tf.exp(tf.sub(similarity, logSumExp(similarity, 1))),
    columns: tf.exp(tf.sub(similarity, logSumExp(similarity, 0))),
  };
}

/** Half the mean over rows, plus half the mean over columns, of logSumExp − Σ target·S: targets sum to 1 there. */
function crossEntropies(
  similarity: tf.Tensor2D,
  rows: tf.Tensor2D,
  columns: tf.Tensor2D,
  rowTargets: tf.Tensor2D,
  columnTargets: tf.Tensor2D,
): tf.Scalar {
  const rowLosses = tf.sub(rows, tf.sum(tf.mul(rowTargets, similarity), 1, true));
  const columnLosses = tf.sub(columns, tf.sum(tf.mul(columnTargets, similarity), 0, true));
  return tf.mul(tf.add(tf.mean(rowLosses), tf.mean(columnLosses)), 0.5);
}
