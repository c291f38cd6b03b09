/** A participant in Node: `worker.js ROUTE`. */
import { type AdamwRule, adamw } from '../../lib/ops/adamw.js';
import { tf } from '../../lib/runtime/tf.js';
import { readArrays } from '../support/arrays.js';
import { serveTask } from '../support/task.js';
import { type Problem, vectors } from './problem.js';

await serveTask<Problem>(async ({ folder, learningRate, weightDecay, clipNorm, step, stride }) => {
  const { pool, lengths } = await readArrays(folder);
  const sizes = Array.from(lengths as Int32Array);
  const n = sizes.reduce((sum, size) => sum + size, 0);
  const { params: start, m, v, grad } = vectors(pool as Float32Array, n);
  let at = 0;
  const grads = sizes.map((size) => {
    at += size;
    return tf.tensor1d(grad.slice(at - size, at));
  });
  const state = { params: tf.tensor1d(start), m: tf.tensor1d(m), v: tf.tensor1d(v) };
  const rules: AdamwRule[] = sizes.map(() => ({ weightDecay, rate: 1, upperBound: Infinity }));
  const scalars = { learningRate: tf.scalar(learningRate), step: tf.scalar(step) };
  const pass = (clipNorm?: number) => () => {
    const next = adamw({ ...state, ...scalars, grads, rules, clipNorm });
    return [next.params, next.m, next.v, next.gradNorm];
  };
  /** What a step changes of the parameters, and the moments. */
  const compared = (_: string, outputs: tf.Tensor[]): Float32Array[] =>
    outputs.slice(0, 3).map((output, i) => {
      const values = output.dataSync() as Float32Array;
      const sample = new Float32Array(Math.ceil(n / stride));
      for (let k = 0; k < sample.length; k++) {
        const value = values[k * stride]!;
        sample[k] = i === 0 ? value - start[k * stride]! : value;
      }
      return sample;
    });
  return { inputs: [...Object.values(state), ...grads], modes: { step: pass(), clipped: pass(clipNorm) }, compared };
});
