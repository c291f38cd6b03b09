/** A participant in Node: `worker.js ROUTE`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tf } from '../../lib/runtime/tf.js';
import { serveTask } from '../support/task.js';
import type { Problem } from './problem.js';

await serveTask<Problem>(async ({ folder, rows, columns, depth }) => {
  const matrix = async (name: string, rows: number) => {
    const { buffer, byteOffset } = await readFile(join(folder, name));
    return tf.tensor2d(new Float32Array(buffer, byteOffset, rows * depth), [rows, depth]);
  };
  const a = await matrix('a.f32', rows);
  const b = await matrix('b.f32', columns);
  if (tf.getBackend() !== 'wasm') return { inputs: [a, b], modes: { product: () => [tf.matMul(a, b, false, true)] } };
  const bT = tf.tidy(() => tf.transpose(b));
  b.dispose();
  return { inputs: [a, bT], modes: { product: () => [tf.matMul(a, bT)] } };
});
