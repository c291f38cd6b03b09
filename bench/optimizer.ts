/** A step of AdamW over all of a model's parameters against plain TensorFlow.js and PyTorch, measured in turn. */
import { join } from 'node:path';
import { lengthsOf, MODELS, problemOf, workOf, writeProblem } from './optimizer/problem.js';
import { runBench } from './support/bench.js';
import { ourContenders, plainContenders } from './support/contenders.js';
import type { Contender } from './support/contest.js';
import { python } from './support/python.js';

const WORKER = join(import.meta.dirname, 'optimizer/worker.js');
const PYTHON = python('optimizer/pytorch/worker.py');

const torch = (implementation: 'foreach' | 'fused'): Contender => ({
  name: implementation,
  peer: 'pytorch',
  command: PYTHON,
  precision: 'fp32',
  options: { implementation },
});

await runBench({
  name: 'optimizer',
  about: `Measures a step of AdamW over the parameters of a CLIP, alone and with the gradient clipped to a norm: ours and
TensorFlow.js's make new tensors, PyTorch's writes into the old ones. Models: ${Object.keys(MODELS).join(', ')}.`,
  form: 'MODEL',
  sizes: { usual: 'RN50', quick: 'RN50-visual' },
  problemOf,
  describe: (problem) => {
    const lengths = lengthsOf(problem);
    const millions = (lengths.reduce((sum, length) => sum + length, 0) / 1e6).toFixed(1);
    return `AdamW, ${problem.model}: ${millions} M in ${lengths.length} parameters`;
  },
  contenders: [...ourContenders(WORKER), ...plainContenders(WORKER), torch('foreach'), torch('fused')],
  // Seven vectors and what lies between do not fit into wasm's heap.
  tooLargeFor: (problem) => (lengthsOf(problem).reduce((a, b) => a + b) > 7e7 ? ['plain-wasm'] : []),
  reference: PYTHON,
  write: writeProblem,
  work: workOf,
});
