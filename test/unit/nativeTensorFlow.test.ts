import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Addon, TENSORFLOW_OPS } from '../../bindings/addon.js';
import { loadAddon, registerTensorFlowOps } from '../../bindings/load.js';
import { attr, executeOp } from '../../lib/runtime/fused.js';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { addonPath } from '../support/addon.js';

const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'vl-ltr-'));
afterAll(() => rmSync(folder, { recursive: true }));

// Before TensorFlow is loaded: nothing to register in, and asking does no harm.
const early = (() => {
  try {
    registerTensorFlowOps();
    return undefined;
  } catch (error) {
    return error;
  }
})();

const lacking = await ready({ backend: 'tensorflow', kernels: 'tfjs' }).then(
  () => undefined,
  (error: Error) => error.message,
);

const normalise = (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) =>
  executeOp('VlltrLayerNorm', [attr.float('epsilon', 0)], [x, gamma, beta], 3);

const expectWorks = () =>
  tf.tidy(() => {
    const [y] = normalise(tf.tensor2d([[1, 3]]), tf.ones([2]), tf.zeros([2]));
    expect([...y!.dataSync()]).toEqual([-1, 1]);
  });

it('says that there is no TensorFlow before one is loaded', () => {
  expect(early).toMatchObject({ code: 'ERR_NATIVE', message: expect.stringMatching(/no TensorFlow in this process/) });
});

describe.skipIf(lacking)(lacking ? `skipped: ${lacking}` : 'ops registered in TensorFlow', () => {
  // The first registration comes from a worker with a copy of the addon, and the worker is gone when its kernels run.
  beforeAll(async () => {
    const path = join(folder, 'first.node');
    copyFileSync(addonPath(), path);
    const body = `require('node:worker_threads').parentPort.postMessage(require(${JSON.stringify(path)}).registerTensorFlowOps())`;
    const worker = new Worker(body, { eval: true });
    const exit = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await exit;
  });

  it('run after the environment that registered them has ended', expectWorks);

  it('are left alone by a second registration, a second copy of the addon and again', () => {
    const names = [...TENSORFLOW_OPS];
    const registered = (addon: Pick<Addon, 'registerTensorFlowOps'>) =>
      Object.keys(addon.registerTensorFlowOps().kernels);
    expect(registered({ registerTensorFlowOps })).toEqual(names);
    expectWorks();
    const path = join(folder, 'second.node');
    copyFileSync(addonPath(), path);
    const copy = require(path) as Addon;
    for (let i = 0; i < 3; i++) expect(registered(copy)).toEqual(names);
    expect(registerTensorFlowOps().version).toMatch(/^2\./);
    expectWorks();
  });

  it('have kernels for a card in a build with CUDA alone', () => {
    const { kernels } = registerTensorFlowOps();
    if (!loadAddon().cuda().built) expect(new Set(Object.values(kernels).flat())).toEqual(new Set(['CPU']));
    else expect(kernels).toMatchObject({ VlltrAdamw: ['CPU', 'GPU'], VlltrLayerNorm: ['CPU'] });
  });

  it('turn a wrong shape or type into a catchable error and go on', () => {
    const refused = (words: RegExp, use: () => unknown) =>
      expect(() => tf.tidy(use as () => void)).toThrow(
        expect.objectContaining({ code: 'ERR_NATIVE', message: expect.stringMatching(words) }),
      );
    const two = () => tf.ones([2]);
    refused(/gamma is \[3\], expected \[2\]/, () => normalise(tf.ones([4, 2]), tf.ones([3]), two()));
    refused(/beta is \[2, 1\], expected \[2\]/, () => normalise(tf.ones([4, 2]), two(), tf.ones([2, 1])));
    refused(/x is a scalar/, () => normalise(tf.scalar(1), two(), two()));
    refused(/float tensor but is a int32/, () => normalise(tf.ones([4, 2], 'int32'), two(), two()));
    refused(/width >= 1/, () => normalise(tf.ones([4, 0]), tf.ones([0]), tf.ones([0])));
    refused(/epsilon is -1/, () =>
      executeOp('VlltrLayerNorm', [attr.float('epsilon', -1)], [tf.ones([4, 2]), two(), two()], 3),
    );
    refused(/mean is \[3\], expected \[4\]/, () => {
      const x = tf.ones([4, 2]);
      return executeOp('VlltrLayerNormGrad', [], [x, x, two(), tf.ones([3]), tf.ones([4])], 3);
    });
    expectWorks();
  });

  it('keep memory flat over thousands of calls', () => {
    const x = tf.randomNormal([64, 128]);
    const gamma = tf.ones([128]);
    const use = (times: number) => {
      for (let i = 0; i < times; i++) {
        const [y, mean, rstd] = normalise(x, gamma, gamma) as [tf.Tensor, tf.Tensor, tf.Tensor];
        tf.dispose(executeOp('VlltrLayerNormGrad', [], [y, x, gamma, mean, rstd], 3));
        tf.dispose([y, mean, rstd]);
      }
    };
    use(1000);
    const tensors = tf.memory().numTensors;
    const before = process.memoryUsage.rss();
    use(4000);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(process.memoryUsage.rss() - before).toBeLessThan(48 * 2 ** 20);
    tf.dispose([x, gamma]);
  });
});
