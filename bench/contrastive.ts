/** The contrastive loss and its gradient against plain TensorFlow.js and PyTorch, measured in turn. */
import { join } from 'node:path';
import { problemOf, workOf, writeProblem } from './contrastive/problem.js';
import { runBench } from './support/bench.js';
import { kernelContenders } from './support/contenders.js';
import { python } from './support/python.js';

const PYTHON = python('contrastive/pytorch/worker.py');

await runBench({
  name: 'contrastive',
  about: `Measures the class-wise contrastive loss with distillation, alone and with its gradient, on B pairs of features of
width D. At 8192x512 the formulas that form matrices take several GB each: leave some out where there is less.`,
  form: 'BxD',
  sizes: { usual: '2048x1024,8192x512', quick: '1024x256' },
  problemOf,
  describe: ({ pairs, width }) => `contrastive, ${pairs} pairs, width ${width}`,
  contenders: [
    ...kernelContenders(join(import.meta.dirname, 'contrastive/worker.js')),
    { name: 'eager', peer: 'pytorch', command: PYTHON, precision: 'fp32' },
    {
      name: 'compiled',
      peer: 'pytorch',
      command: PYTHON,
      precision: 'fp32',
      options: { compiled: true },
      compiles: true,
    },
    { name: 'eager-bf16', peer: 'pytorch', command: PYTHON, precision: 'bf16' },
  ],
  // Matrices of B×B, several at a time, in a heap of 4 GB.
  tooLargeFor: ({ pairs }) => (pairs > 4096 ? ['plain-wasm'] : []),
  reference: PYTHON,
  write: writeProblem,
  work: workOf,
});
