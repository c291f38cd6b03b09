/** A participant in Node: `worker.js ROUTE`. */
import { anchorAttention } from '../../lib/ops/anchorAttention.js';
import { AnchorTable } from '../../lib/ops/anchorTable.js';
import { kernels } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { readArrays } from '../support/arrays.js';
import type { Precision } from '../support/figures.js';
import { serveTask } from '../support/task.js';
import type { Problem } from './problem.js';

await serveTask<Problem, { precision: Precision }>(async (problem) => {
  const { folder, classes, perClass, width, batch, logitScale, precision } = problem;
  const arrays = await readArrays(folder);
  const matrix = (name: string, rows: number, columns: number) =>
    tf.tensor2d(arrays[name] as Float32Array, [rows, columns]);
  const vector = (name: string) => tf.tensor1d(arrays[name] as Float32Array);
  const anchors = tf.tensor3d(arrays.anchors as Float32Array, [classes, perClass, width]);
  const counts = Int32Array.from({ length: classes }, () => perClass);
  const table = new AnchorTable(anchors, counts, { precision });
  anchors.dispose(); // the table has its own
  if (kernels() === 'tfjs') void table.tensors;
  else void table.native;
  const dlogits = matrix('dlogits', batch, classes);
  const lnk = { gamma: vector('gk'), beta: vector('bk') };
  const logits = (...[x, wq, wk, gamma, beta, keys]: tf.Tensor[]): tf.Tensor2D =>
    anchorAttention({
      x: x as tf.Tensor2D,
      wq: wq as tf.Tensor2D,
      wk: wk as tf.Tensor2D,
      lnq: { gamma: gamma as tf.Tensor1D, beta: beta as tf.Tensor1D },
      lnk: { ...lnk, gamma: keys as tf.Tensor1D },
      anchors: table,
      logitScale,
    });
  const inputs = [
    matrix('x', batch, width),
    matrix('wq', width, width),
    matrix('wk', width, width),
    vector('gq'),
    vector('bq'),
    lnk.gamma,
  ];
  const gradients = tf.grads(logits);
  return {
    inputs: [...inputs, dlogits],
    modes: {
      forward: () => [tf.tidy(() => logits(...inputs))],
      both: () => tf.tidy(() => gradients(inputs, dlogits)),
    },
  };
});
