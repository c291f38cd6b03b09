/** The matrix product that the kernels are built on, against TensorFlow.js's and PyTorch's, measured in turn. */
import { join } from 'node:path';
import { problemOf, workOf, writeProblem } from './gemm/problem.js';
import { runBench } from './support/bench.js';
import { plainContenders } from './support/contenders.js';
import { native } from './support/native.js';
import { python } from './support/python.js';

const PYTHON = python('gemm/pytorch/worker.py');

await runBench({
  name: 'gemm',
  about: `Measures the product A·Bᵀ of A [M, K] and B [N, K] by native/, which has it as a part of other kernels and shows it
to C++ alone; wasm gets B transposed, as its product wants it.`,
  form: 'MxNxK',
  // A square one; the scores of 128 images' queries and features with 64,000 anchors, and their gradient.
  sizes: { usual: '2048x2048x1024,256x64000x1024,256x1024x64000', quick: '512x512x512' },
  problemOf,
  describe: ({ rows, columns, depth }) => `product, ${rows}×${columns}×${depth}`,
  contenders: [
    { name: 'ours', command: native('gemm', 'fp32'), precision: 'fp32' },
    { name: 'ours-bf16', command: native('gemm', 'bf16'), precision: 'bf16' },
    ...plainContenders(join(import.meta.dirname, 'gemm/worker.js')),
    { name: 'torch', peer: 'pytorch', command: PYTHON, precision: 'fp32' },
    { name: 'torch-bf16', peer: 'pytorch', command: PYTHON, precision: 'bf16' },
  ],
  reference: PYTHON,
  write: writeProblem,
  work: workOf,
});
