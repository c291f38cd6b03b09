import { Worker } from 'node:worker_threads';
import { expect, it, vi } from 'vitest';
import { layerNorm } from '../../lib/ops/layerNorm.js';
import { canCapture, capture, type Step } from '../../lib/runtime/capture/index.js';
import { withKernels } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { startCpu, startWasm } from '../../lib/runtime/wasm.js';
import { holdings, onTensorFlow, scoped } from '../support/tensorflow.js';

type MapStep = Step<TensorMap, TensorMap, TensorMap>;

const FIXTURE = new URL('../fixtures/captureWorker.mjs', import.meta.url);
const { step, start, inputs, train } = (await import(FIXTURE.href)).training(tf, layerNorm) as {
  step: MapStep;
  start: () => TensorMap;
  inputs: () => TensorMap;
  train: (run: MapStep) => { w: number[]; losses: number[] };
};

function expectNear(actual: number[], expected: number[], tolerance: number): void {
  const largest = Math.max(...expected.map(Math.abs));
  actual.forEach((a, i) => {
    expect(Math.abs(a - expected[i]!)).toBeLessThanOrEqual(tolerance * largest);
  });
}

onTensorFlow('a captured step', () => {
  it('runs op by op on other backends, and captured again on tensorflow', async () => {
    await startWasm();
    await startCpu();
    await tf.setBackend('tensorflow');
    const counted = vi.fn(step);
    const onFailure = vi.fn();
    const captured = capture(counted, { onFailure });
    const expected = train(step);
    for (const backend of ['tensorflow', 'wasm', 'cpu', 'tensorflow']) {
      await tf.setBackend(backend);
      expect(canCapture()).toBe(backend === 'tensorflow');
      counted.mockClear();
      const before = tf.memory().numTensors;
      const { w, losses } = backend === 'tensorflow' ? train(captured) : withKernels('tfjs', () => train(captured));
      expectNear(w, expected.w, 1e-5);
      expectNear(losses, expected.losses, 1e-5);
      expect(tf.memory().numTensors).toBe(before);
      if (backend !== 'tensorflow') expect(counted).toHaveBeenCalledTimes(3);
    }
    expect(counted).not.toHaveBeenCalled(); // the function was kept
    captured.dispose();
    expect(onFailure).not.toHaveBeenCalled();
  });

  it('takes tensors that another backend holds', async () => {
    await startWasm();
    const negative = (values: number[]) => tf.tidy(() => tf.neg(tf.tensor1d(values)));
    await tf.setBackend('wasm');
    const [a, outside] = [negative([1, 2]), negative([3, 4])];
    await tf.setBackend('tensorflow');
    // A clone is what brings the outside tensor over from the other backend.
    const captured = capture<TensorMap, TensorMap, TensorMap>((state, { a }) => ({
      state,
      outputs: { y: tf.add(a!, outside.clone()) },
    }));
    for (const given of [a, negative([1, 2])]) {
      expect([...captured({}, { a: given }).outputs.y!.dataSync()]).toEqual([-4, -6]);
    }
    captured.dispose();
  });

  it('says in one sentence that kernels node are none of TensorFlow', () => {
    const why = 'kernels node compute outside TensorFlow, so the step cannot be captured';
    const said: string[] = [];
    scoped(() => {
      const expected = train(step).losses;
      const captured = capture(step, { onFailure: ({ message }) => said.push(message) });
      expectNear(withKernels('node', () => train(captured)).losses, expected, 1e-5);
      captured.dispose();
    });
    expect(said).toEqual([why]);
    const strict = capture(step);
    const thrown = { code: 'ERR_CAPTURE', message: why };
    expect(() => withKernels('node', () => train(strict))).toThrow(expect.objectContaining(thrown));
    // A value that the step itself reads back is told as ever, after it as before.
    const reads = capture<TensorMap, TensorMap, TensorMap>((state, { x }) => ({
      state,
      outputs: { y: tf.mul(x!, tf.sum(x!).dataSync()[0]!) },
    }));
    expect(() => reads({}, { x: tf.ones([3]) })).toThrow(/reads what Sum gave back/);
  });

  it('runs on plain formulas as on the package’s own kernels', () => {
    scoped(() => {
      const [plain, own] = [capture(step), capture(step)];
      const [a, b] = [withKernels('tfjs', () => train(plain)), train(own)];
      expectNear(a.w, withKernels('tfjs', () => train(step)).w, 1e-6);
      expectNear(a.w, b.w, 1e-6);
      plain.dispose();
      own.dispose();
    });
  });

  it('can be compiled, and says where XLA cannot', () => {
    scoped(() => {
      const captured = capture(step, { xla: true });
      const [found, expected] = [train(captured), train(step)];
      expectNear(found.losses, expected.losses, 1e-5);
      expectNear(found.w, expected.w, 1e-5);
      captured.dispose();

      const image = tf.neg(tf.fill([1, 4, 4, 1], -1)) as tf.Tensor4D;
      const dilate: MapStep = (state, { x }) => {
        const [filter, spread] = [tf.zeros([2, 2, 1]) as tf.Tensor3D, tf.mul(x!, 2) as tf.Tensor4D];
        return { state, outputs: { y: tf.dilation2d(spread, filter, 1, 'same') } };
      };
      const refusal = {
        code: 'ERR_CAPTURE',
        message: expect.stringMatching(
          /cannot be captured, its function fails: .*No registered 'Dilation2D' .*\(Dilation2D: dilation2d at .*captureElsewhere\.test\.ts:\d+/s,
        ),
      };
      const before = holdings();
      expect(() => capture(dilate, { xla: true })({}, { x: image })).toThrow(expect.objectContaining(refusal));
      expect(holdings()).toEqual(before);
      const onFailure = vi.fn();
      const fallen = capture(dilate, { xla: true, onFailure });
      for (let i = 0; i < 2; i++) expect(fallen({}, { x: image }).outputs.y!.dataSync()[0]).toBe(2);
      expect(onFailure).toHaveBeenCalledOnce();
      expect(onFailure).toHaveBeenCalledWith(expect.objectContaining(refusal));
    });
  });

  it('can use bfloat16 inside, its state in float32', () => {
    scoped(() => {
      const captured = capture(step, { precision: 'bf16' });
      const [found, expected] = [train(captured), train(step)];
      expectNear(found.losses, expected.losses, 0.02);
      expect(captured(start(), inputs()).state.w!.dtype).toBe('float32');
      captured.dispose();
    });
  });

  it('goes beside the functions of another copy of the package', async () => {
    const copy = await import(new URL('../../dist/lib/index.js', import.meta.url).href);
    await copy.ready({ backend: 'tensorflow' });
    scoped(() => {
      const x = tf.tensor1d([2, 3]);
      // So many that numbers alone would meet, whatever was captured before.
      const all = Array.from({ length: 40 }, (_, i) => {
        const plus: MapStep = (state, given) => ({ state, outputs: { y: tf.add(given.x!, i) } });
        return [capture(plus), copy.capture(plus) as MapStep & { dispose(): void }];
      });
      all.forEach((both, i) => {
        for (const captured of both) expect([...captured({}, { x }).outputs.y!.dataSync()]).toEqual([2 + i, 3 + i]);
      });
      for (const captured of all.flat()) captured.dispose();
    });
  });

  it('runs in workers beside the main thread, each with functions of its own', async () => {
    const captured = capture(step);
    const reports = [0, 1].map(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(FIXTURE);
          let report: object | undefined;
          worker.once('message', (message) => {
            report = message;
          });
          worker.once('error', reject);
          worker.once('exit', (code) => resolve({ ...report, code }));
        }),
    );
    const { losses } = train(captured);
    expect(await Promise.all(reports)).toEqual([0, 1].map(() => ({ losses, tensors: 0, code: 0 })));
    expect(train(captured).losses).toEqual(losses);
    captured.dispose();
  });
});
