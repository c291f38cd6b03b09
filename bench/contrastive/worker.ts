/** A participant in Node: `worker.js ROUTE`. */
import { classwiseContrastive } from '../../lib/ops/classwiseContrastive.js';
import { tf } from '../../lib/runtime/tf.js';
import { readArrays } from '../support/arrays.js';
import type { Precision } from '../support/figures.js';
import { serveTask } from '../support/task.js';
import type { Problem } from './problem.js';

await serveTask<Problem, { precision: Precision }>(async (problem) => {
  const { folder, pairs, width, logitScale, smoothing, distillWeight, precision } = problem;
  const batch = await readArrays(folder);
  const features = (name: string) => tf.tensor2d(batch[name] as Float32Array, [pairs, width]);
  const labels = tf.tensor1d(batch.labels as Int32Array, 'int32');
  const teacher = { image: features('teacherImage'), text: features('teacherText'), logitScale };
  const inputs = [features('image'), features('text'), tf.scalar(logitScale)];
  const loss = (...[image, text, logitScale]: tf.Tensor[]): tf.Scalar =>
    classwiseContrastive({
      image: image as tf.Tensor2D,
      text: text as tf.Tensor2D,
      logitScale: logitScale as tf.Scalar,
      labels,
      smoothing,
      teacher,
      distillWeight,
      precision,
    }).loss;
  const withGradient = tf.valueAndGrads(loss);
  return {
    inputs: [...inputs, labels, teacher.image, teacher.text],
    modes: {
      forward: () => [tf.tidy(() => loss(...inputs))],
      both: () => {
        const { value, grads } = tf.tidy(() => withGradient(inputs) as { value: tf.Scalar; grads: tf.Tensor[] });
        return [value, ...grads];
      },
    },
    compared: (mode, outputs) =>
      (mode === 'both' ? outputs.slice(1, 3) : outputs).map((output) => output.dataSync() as Float32Array),
  };
});
