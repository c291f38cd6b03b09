import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadAddon, registerTensorFlowOps } from '../../bindings/load.js';
import { VlltrError } from '../../lib/errors.js';
import * as op from '../../lib/ops/anchorAttention.js';
import { type AnchorAttentionArguments, AnchorTable } from '../../lib/ops/anchorAttention.js';
import { capture } from '../../lib/runtime/capture/index.js';
import { type KernelRoute, withKernels } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { onEveryBackend } from '../support/backends.js';
import { expectNear, expectNoLeak, expectNoReading, type Numbers } from '../support/compare.js';

/** The route that is tested. */
let route: KernelRoute = 'tfjs';
const anchorAttention = (args: AnchorAttentionArguments) => withKernels(route, () => op.anchorAttention(args));
const anchorAttentionWeights = (args: AnchorAttentionArguments) =>
  withKernels(route, () => op.anchorAttentionWeights(args));

const WATCHED = ['x', 'wq', 'wk', 'lnq.gamma', 'lnq.beta', 'lnk.gamma', 'lnk.beta', 'logitScale'] as const;
type Watched = (typeof WATCHED)[number];

interface Case {
  name: string;
  inputs: Record<Watched, Numbers> & { anchors: number[][][]; counts: number[]; detachNorm: boolean };
  dz: number[][];
  z: Numbers;
  weights: number[][][];
  grads: Record<Watched, Numbers>;
}

/** float64 values of the definition: test/reference/anchor_attention.py. */
const cases: Case[] = JSON.parse(readFileSync(new URL('../reference/anchor_attention.json', import.meta.url), 'utf8'));
const named = (name: string): Case => cases.find((c) => c.name === name)!;

/** Anchors of a case, padding filled with `padding`. */
function anchorsOf({ inputs }: Case, padding: number): tf.Tensor3D {
  return tf.tensor3d(
    inputs.anchors.map((rows, c) => rows.map((row, m) => (m < inputs.counts[c]! ? row : row.map(() => padding)))),
  );
}

function watchedOf({ inputs }: Case): TensorMap {
  return Object.fromEntries(WATCHED.map((name) => [name, tf.tensor(inputs[name] as number[])]));
}

/** The op's arguments from tensors by name. */
function argumentsOf(
  watched: TensorMap,
  rest: Pick<AnchorAttentionArguments, 'anchors' | 'counts' | 'detachNorm'>,
): AnchorAttentionArguments {
  const norm = (name: string) => ({
    gamma: watched[`${name}.gamma`] as tf.Tensor1D,
    beta: watched[`${name}.beta`] as tf.Tensor1D,
  });
  return {
    ...rest,
    x: watched.x as tf.Tensor2D,
    wq: watched.wq as tf.Tensor2D,
    wk: watched.wk as tf.Tensor2D,
    lnq: norm('lnq'),
    lnk: norm('lnk'),
    logitScale: watched.logitScale as tf.Scalar,
  };
}

function gradients(
  watched: TensorMap,
  dz: tf.Tensor,
  rest: Pick<AnchorAttentionArguments, 'anchors' | 'counts' | 'detachNorm'>,
): TensorMap {
  const op = (...values: tf.Tensor[]) =>
    anchorAttention(argumentsOf(Object.fromEntries(WATCHED.map((name, i) => [name, values[i]!])), rest));
  const grads = tf.grads(op)(
    WATCHED.map((name) => watched[name]!),
    dz,
  );
  return Object.fromEntries(WATCHED.map((name, i) => [name, grads[i]!]));
}

/** Sharp attention at the largest scale magnifies float32 rounding of the logits. */
const tolerances: Record<string, number> = {
  'largest scale, sharp attention': 3e-5,
  'anchors far from the origin': 2e-5,
};

onEveryBackend((backend) => {
  const routes = backend === 'tensorflow' ? (['tfjs', 'node', 'tensorflow'] as const) : (['tfjs', 'node'] as const);
  describe.each(routes)('kernels %s', testRoute);
});

function testRoute(tested: KernelRoute): void {
  beforeAll(() => {
    route = tested;
    if (tested === 'tensorflow') registerTensorFlowOps();
  });

  describe.each(cases)('$name', (reference) => {
    const { counts, detachNorm } = reference.inputs;
    const tolerance = tolerances[reference.name] ?? 5e-6;

    const forms: [string, (anchors: tf.Tensor3D) => Pick<AnchorAttentionArguments, 'anchors' | 'counts'>][] = [
      ['host counts', (anchors) => ({ anchors, counts })],
      ['a tensor of counts', (anchors) => ({ anchors, counts: tf.tensor1d(counts, 'int32') })],
      ['a table', (anchors) => ({ anchors: new AnchorTable(anchors, counts) })],
    ];
    it.each(forms)('gives the logits and gradients of the definition with %s, padding NaN', (_, form) => {
      tf.tidy(() => {
        const rest = { ...form(anchorsOf(reference, Number.NaN)), detachNorm };
        const watched = watchedOf(reference);
        expectNear(anchorAttention(argumentsOf(watched, rest)), reference.z, tolerance);
        const grads = gradients(watched, tf.tensor2d(reference.dz), rest);
        const logitScale = reference.inputs.logitScale as number;
        for (const name of WATCHED) {
          if (name === 'lnk.beta') continue;
          // One anchor a class leaves nothing to the attention: these gradients are rounding around 0.
          const scale = name === 'x' ? 0 : 1e-2 * Math.exp(logitScale);
          expectNear(grads[name]!, reference.grads[name], tolerance, scale);
        }
        expect(grads['lnk.beta']!.shape).toEqual(watched['lnk.beta']!.shape);
        expect(grads['lnk.beta']!.abs().max().dataSync()[0]).toBe(0);
        if (rest.anchors instanceof AnchorTable) rest.anchors.dispose();
      });
    });

    it('takes a number as scale, and explains its logits', () => {
      tf.tidy(() => {
        const args = argumentsOf(watchedOf(reference), { anchors: anchorsOf(reference, Number.NaN), counts });
        const numbered = { ...args, logitScale: reference.inputs.logitScale as number };
        expectNear(anchorAttention(numbered), reference.z, tolerance);
        const { logits, weights, contributions } = anchorAttentionWeights(numbered);
        expectNear(logits, reference.z, tolerance);
        expectNear(weights, reference.weights, tolerance);
        const present = tf.expandDims(tf.greater(tf.tensor1d(counts, 'int32'), 0), 0);
        expectNear(
          tf.sum(contributions, 2),
          tf.where(present, logits, 0).arraySync() as number[][],
          tolerance,
          Math.exp(reference.inputs.logitScale as number),
        );
        const padded = tf.where(tf.equal(weights, 0), contributions, 0);
        expect(padded.abs().max().dataSync()[0]).toBe(0);
      });
    });
  });

  it('gives a class without anchors −Infinity and nothing to learn, whatever flows back', () => {
    tf.tidy(() => {
      const reference = named('a class without anchors');
      const rest = { anchors: anchorsOf(reference, Number.NaN), counts: reference.inputs.counts };
      const watched = watchedOf(reference);
      const dz = tf.tensor2d(reference.dz.map((row) => row.map((v, c) => (c === 1 ? Number.NaN : v))));
      const grads = gradients(watched, dz, rest);
      for (const name of WATCHED) expectNear(grads[name]!, reference.grads[name], 5e-6);
    });
  });

  // ⟨a, da⟩ = 0 in full: scaling every anchor of a class changes neither its logit (beyond the norm's ε) nor what is learnt.
  it('does not depend on the length of the anchors', () => {
    tf.tidy(() => {
      const reference = named('ragged');
      const { counts } = reference.inputs;
      const watched = watchedOf(reference);
      const dz = tf.tensor2d(reference.dz);
      const run = (factor: number): TensorMap => {
        const anchors = tf.mul(anchorsOf(reference, 0), factor) as tf.Tensor3D;
        return {
          z: anchorAttention(argumentsOf(watched, { anchors, counts })),
          ...gradients(watched, dz, { anchors, counts }),
        };
      };
      const [plain, longer] = [run(1), run(8)];
      for (const name of ['z', 'x', 'wq', 'wk'] as const)
        expectNear(longer[name]!, plain[name]!.arraySync() as number[][], 2e-4);
    });
  });

  const sample = named('ragged');

  it.runIf(tested === 'tfjs')('keeps what the gradient needs when its inputs are disposed', () => {
    const watched = watchedOf(sample);
    const dz = tf.tensor2d(sample.dz);
    const grads = tf.tidy(() =>
      tf.grads((...values: tf.Tensor[]) => {
        const copies = values.map((v) => tf.add(v, 0));
        const table = new AnchorTable(anchorsOf(sample, 1e9), sample.inputs.counts);
        const z = anchorAttention(
          argumentsOf(Object.fromEntries(WATCHED.map((n, i) => [n, copies[i]!])), { anchors: table }),
        );
        table.dispose();
        tf.dispose(copies);
        return z;
      })(
        WATCHED.map((name) => watched[name]!),
        dz,
      ),
    );
    expectNear(grads[0]!, sample.grads.x, 5e-6);
    tf.dispose([watched, dz, grads]);
  });

  it('leaks nothing and reads nothing', () => {
    const watched = watchedOf(sample);
    const dz = tf.tensor2d(sample.dz);
    const anchors = anchorsOf(sample, Number.NaN);
    const { counts } = sample.inputs;
    const step = (): void => {
      const args = argumentsOf(watched, { anchors, counts });
      tf.dispose([anchorAttention(args), anchorAttentionWeights(args), gradients(watched, dz, { anchors, counts })]);
      const table = new AnchorTable(anchors, counts);
      tf.dispose([anchorAttention(argumentsOf(watched, { anchors: table }))]);
      table.dispose();
      table.dispose();
    };
    expectNoLeak(step);
    if (tested === 'tfjs') expectNoReading(step); // a table is made from values
    tf.dispose([watched, dz, anchors]);
  });

  it('leaves a table to its owner, not to a tidy', () => {
    const before = tf.memory().numTensors;
    let made: AnchorTable | undefined;
    tf.tidy(() => {
      made = new AnchorTable(anchorsOf(sample, Number.NaN), sample.inputs.counts);
    });
    const table = made!;
    expect(table.isDisposed).toBe(false);
    expect(table.shape).toEqual([4, 7, 13]);
    table.dispose();
    expect(table.isDisposed).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.runIf(tested !== 'tfjs')('stores a table in bfloat16, near the same, and frees it', () => {
    tf.tidy(() => {
      const anchors = anchorsOf(sample, Number.NaN);
      const table = op.anchorTable(anchors, sample.inputs.counts, { precision: 'bf16' });
      const args = argumentsOf(watchedOf(sample), { anchors: table });
      expectNear(anchorAttention(args), sample.z, 2e-2);
      expectNear(gradients(watchedOf(sample), tf.tensor2d(sample.dz), { anchors: table }).x!, sample.grads.x, 5e-2);
      const { number } = table.native;
      table.dispose();
      expect(() => loadAddon().deleteAnchorTable(number)).toThrow(new RegExp(`no anchor table ${number}`));
    });
  });

  it.runIf(tested === 'tensorflow')('is part of a captured step, which says so when its table is gone', () => {
    tf.tidy(() => {
      const watched = watchedOf(sample);
      const table = new AnchorTable(anchorsOf(sample, Number.NaN), sample.inputs.counts);
      const { detachNorm } = sample.inputs;
      const step = capture((state: TensorMap, inputs: TensorMap): { state: TensorMap; outputs: TensorMap } => ({
        state,
        outputs: {
          z: anchorAttention(argumentsOf(inputs, { anchors: table, detachNorm })),
          ...gradients(inputs, tf.tensor2d(sample.dz), { anchors: table, detachNorm }),
        },
      }));
      for (let i = 0; i < 2; i++) {
        const { outputs } = step({}, watched);
        expectNear(outputs.z!, sample.z, 5e-6);
        expectNear(outputs.x!, sample.grads.x, 5e-6);
        expectNear(outputs.wk!, sample.grads.wk, 5e-6, 1);
      }
      table.dispose();
      expect(() => step({}, watched)).toThrow(/there is no anchor table \d+: it was disposed/);
      step.dispose();
    });
  });
}

it("the addon's gradient is the same to the bit from what the forward pass kept, whose size is checked", () => {
  const { inputs, dz } = named('ragged');
  const flat = (values: Numbers) => Float32Array.from([values].flat(3) as number[]);
  const names = ['x', 'wq', 'wk', 'lnq.gamma', 'lnq.beta', 'lnk.gamma', 'logitScale'] as const;
  const operands = names.map((name) => flat(inputs[name])) as Parameters<typeof run>[1];
  const [classes, perClass, width] = [inputs.anchors.length, inputs.anchors[0]!.length, operands[0].length / dz.length];
  const counts = Int32Array.from(inputs.counts);
  const table = loadAddon().newAnchorTable(flat(inputs.anchors.flat()), counts, perClass, width, false);
  type Seven = [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  function run(keptElements: number, given: Seven): Float32Array[] {
    const logits = new Float32Array(dz.length * classes);
    const kept = new Float32Array(keptElements);
    loadAddon().anchorAttentionForward(table, ...given, logits, kept);
    const gradients = given.map(({ length }) => new Float32Array(length)) as Seven;
    loadAddon().anchorAttentionBackward(table, ...given, false, kept, flat(dz.flat()), ...gradients);
    return [logits, ...gradients];
  }
  const all = 2 * inputs.counts.reduce((sum, count) => sum + count, 0) * 16 * Math.ceil(dz.length / 16);
  expect(run(all, operands)).toEqual(run(0, operands));
  expect(() => run(all - 16, operands)).toThrow(/kept/);
  loadAddon().deleteAnchorTable(table);
});

describe('refusals', () => {
  beforeAll(() => {
    route = 'tfjs';
  });
  type Change = (args: AnchorAttentionArguments) => object;
  it.each<[string, Change, RegExp]>([
    ['another width', () => ({ x: tf.zeros([5, 12]) }), /anchors is float32 \[4,7,13\]; .* D = 12 \(from x\)/],
    [
      'rank of anchors',
      () => ({ anchors: tf.zeros([4, 13]) }),
      /anchors is float32 \[4,13\]; expected float32 \[C,M,D\]/,
    ],
    ['no counts', () => ({ counts: undefined }), /counts is undefined; expected int32 \[C\] with C = 4/],
    ['too large a count', () => ({ counts: [1, 8, 0, 2] }), /counts\[1\] is the number 8; .*\[0, 7\]/],
    ['too few counts', () => ({ counts: [1, 2] }), /counts is an array of length 2/],
    ['a narrow projection', () => ({ wq: tf.zeros([13, 4]) }), /wq is float32 \[13,4\]; expected float32 \[D,D\]/],
    ['a missing norm', () => ({ lnk: undefined }), /lnk.gamma is undefined; expected float32 \[D\]/],
    ['whole-number images', () => ({ x: tf.zeros([5, 13], 'int32') }), /x is int32 \[5,13\]/],
    [
      'counts beside a table',
      ({ anchors }) => ({ anchors: new AnchorTable(anchors as tf.Tensor3D, [1, 1, 1, 1]) }),
      /counts is an array of length 4; expected none, since an AnchorTable has its own/,
    ],
    [
      'a disposed table',
      ({ anchors }) => {
        const table = new AnchorTable(anchors as tf.Tensor3D, [1, 1, 1, 1]);
        table.dispose();
        return { anchors: table, counts: undefined };
      },
      /anchors is an object; expected an AnchorTable that is not disposed/,
    ],
  ])('%s', (_, change, message) => {
    tf.tidy(() => {
      const reference = named('ragged');
      const args = argumentsOf(watchedOf(reference), {
        anchors: anchorsOf(reference, 0),
        counts: reference.inputs.counts,
      });
      const call = () => anchorAttention({ ...args, ...change(args) });
      expect(call).toThrow(VlltrError);
      expect(call).toThrow(message);
    });
  });
});
