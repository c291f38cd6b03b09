/** The attention of images to the classes' anchors against plain TensorFlow.js and PyTorch, measured in turn. */
import { join } from 'node:path';
import { problemOf, workOf, writeProblem } from './anchorAttention/problem.js';
import { runBench } from './support/bench.js';
import { kernelContenders } from './support/contenders.js';
import type { Contender } from './support/contest.js';
import type { Precision } from './support/figures.js';
import { python } from './support/python.js';

const PYTHON = python('anchorAttention/pytorch/worker.py');

/** The paper's formula projects every anchor; the algebra is ours, in PyTorch's own operations. */
const torch = (form: 'formula' | 'algebra', compiled: boolean, precision: Precision = 'fp32'): Contender => ({
  name: [form, ...(compiled ? ['compiled'] : []), ...(precision === 'bf16' ? ['bf16'] : [])].join('-'),
  peer: 'pytorch',
  command: PYTHON,
  precision,
  options: { form, compiled },
  compiles: compiled,
});

await runBench({
  name: 'anchor-attention',
  about: `Measures the language logits of B images for C classes of M anchors of width D, alone and with the gradient. The
anchors are frozen: what is computed of them once is not counted, nor the table as memory. PyTorch has the paper's
formula and the same algebra as ours.`,
  form: 'CxMxDxB',
  sizes: { usual: '1000x64x1024x128,1000x64x512x128,8142x64x512x128', quick: '200x16x256x64' },
  problemOf,
  describe: ({ classes, perClass, width, batch }) =>
    `anchor attention, ${classes} classes of ${perClass} anchors, width ${width}, ${batch} images`,
  contenders: [
    ...kernelContenders(join(import.meta.dirname, 'anchorAttention/worker.js')),
    torch('formula', false),
    torch('formula', true),
    torch('algebra', false),
    torch('algebra', true),
    torch('formula', false, 'bf16'),
    torch('algebra', false, 'bf16'),
  ],
  // The table alone is a gigabyte there; the formula's gradient takes ten, and a heap of wasm ends at four.
  tooLargeFor: ({ classes, perClass, width }) =>
    classes * perClass * width > 2 ** 27
      ? ['node', 'plain-wasm', 'formula', 'formula-compiled', 'formula-bf16', 'algebra-bf16']
      : [],
  reference: PYTHON,
  write: writeProblem,
  work: workOf,
});
