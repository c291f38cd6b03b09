import { loadAddon } from '../../bindings/load.js';
import { attr, executeOp } from '../runtime/fused.js';
import { runtime } from '../runtime/ready.js';
import { tf } from '../runtime/tf.js';
import { toInt32, toScalar } from './arguments.js';
import type { CheckedContrastive } from './classwiseContrastive.js';
import { onHostArrays } from './hostArrays.js';
import { keptSimilarities } from './kept.js';

/** image, text, labels, scale; the teacher's image, text and scale, [B, 0] where there is none. */
type Operands = tf.Tensor[];

/** From the upstream gradient of the three terms, the operands and what was kept: gradients of image, text and scale. */
type Gradient = (dy: tf.Tensor, operands: Operands, kept: tf.Tensor[]) => tf.Tensor[];

/** A native implementation: the terms [3], the tensors that the gradient needs besides the operands, and the gradient. */
type Implementation = (
  operands: Operands,
  settings: CheckedContrastive,
) => { terms: tf.Tensor; kept: tf.Tensor[]; gradient: Gradient };

/** As ops of the addon inside TensorFlow, on its own buffers; an empty tensor tells shape inference how much is kept. */
const tensorflow: Implementation = (operands, settings) => {
  const attributes = [
    attr.float('smoothing', settings.smoothing),
    attr.float('distill_weight', settings.distillWeight),
    attr.bool('reduced', settings.precision === 'bf16'),
  ];
  const size = tf.zeros([keptElements(settings), 0]);
  const [terms, ...kept] = executeOp('VlltrContrastive', attributes, [...operands, size], 4);
  const gradient: Gradient = (dy, operands, kept) =>
    executeOp('VlltrContrastiveGrad', attributes, [...operands, dy, ...kept], 3);
  return { terms: terms!, kept, gradient };
};

/** Through Node-API, on typed arrays or the wasm heap. What is kept stays out of the backend's memory. */
const node: Implementation = (operands, settings) => {
  const { smoothing, distillWeight, precision, image } = settings;
  const pairs = image.shape[0];
  const [rows, columns] = [new Float32Array(3 * pairs), new Float32Array(3 * pairs)];
  const kept = new Float32Array(keptElements(settings));
  const constants = [smoothing, distillWeight, precision === 'bf16'] as const;
  const labels = labelsOf(operands);
  const [terms] = onHostArrays(floats(operands), [[3]], (given, [losses]) =>
    loadAddon().contrastiveForward(...arrays(labels, given), ...constants, losses!, rows, columns, kept),
  );
  const gradient: Gradient = (dy, operands) => {
    const [image, text, , scale] = operands;
    const shapes = [image!, text!, scale!].map(({ shape }) => shape);
    return onHostArrays([...floats(operands), dy], shapes, (given, [dimage, dtext, dscale]) => {
      const dlosses = given.pop()!;
      const inputs = arrays(labels, given);
      loadAddon().contrastiveBackward(...inputs, ...constants, rows, columns, kept, dlosses, dimage!, dtext!, dscale!);
    });
  };
  return { terms: terms!, kept: [], gradient };
};

const LABELS = 2;

const floats = (operands: Operands): tf.Tensor[] => operands.filter((_, i) => i !== LABELS);

type Arrays = [
  image: Float32Array,
  text: Float32Array,
  labels: Int32Array,
  scale: Float32Array,
  teacherImage: Float32Array,
  teacherText: Float32Array,
  teacherScale: Float32Array,
];

/** The operands as arrays. */
const arrays = (labels: Int32Array, given: Float32Array[]): Arrays =>
  [...given.slice(0, LABELS), labels, ...given.slice(LABELS)] as Arrays;

/** Read before any view is taken on the heap. */
const labelsOf = (operands: Operands): Int32Array => operands[LABELS]!.dataSync<'int32'>() as Int32Array;

/** None on a card, which forms similarities once more about as fast as it would read them. */
const keptElements = ({ image, teacher }: CheckedContrastive): number =>
  runtime().kernelDevice === 'cuda' ? 0 : keptSimilarities(image.shape[0], Boolean(teacher));

/** Loss, contrastive and distillation [3] by the addon's kernels; only the first has a gradient. Call it in a tidy. */
export function classwiseContrastiveNative(route: 'tensorflow' | 'node', args: CheckedContrastive): tf.Tensor {
  const { image, text, labels, logitScale, teacher } = args;
  const implementation = route === 'tensorflow' ? tensorflow : node;
  const op = tf.customGrad((v, t, s, save) => {
    const none = () => tf.zeros([image.shape[0], 0]);
    const operands = [
      ...([v, t, toInt32(labels), s] as tf.Tensor[]),
      ...(teacher ? [teacher.image, teacher.text, toScalar(teacher.logitScale)] : [none(), none(), tf.scalar(0)]),
    ];
    const { terms, kept, gradient } = implementation(operands, args);
    (save as tf.GradSaveFunc)([...operands, ...kept]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      gradient(dy, saved.slice(0, operands.length), saved.slice(operands.length));
    return { value: terms, gradFunc };
  });
  return op(image, text, toScalar(logitScale));
}
