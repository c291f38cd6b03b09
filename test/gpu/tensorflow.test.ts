// The kernels inside TensorFlow on a card against the plain formulas there. bindings/test has the same kernels without a card.
import { describe, expect, it } from 'vitest';
import { adamwBy } from '../../lib/ops/adamw.js';
import { anchorAttentionBy } from '../../lib/ops/anchorAttention.js';
import { AnchorTable } from '../../lib/ops/anchorTable.js';
import { classwiseContrastiveBy } from '../../lib/ops/classwiseContrastive.js';
import { capture } from '../../lib/runtime/capture/index.js';
import { type KernelRoute, ready } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { relativeError } from '../support/compare.js';

const lacking = await ready({ backend: 'tensorflow', kernels: 'tensorflow', device: 'cuda' }).then(
  ({ kernelDevice, reasons }) => (kernelDevice === 'cuda' ? undefined : reasons.join(' ')),
  (error: Error) => error.message,
);

/** Deterministic values in [-scale, scale]. */
const values = (shape: number[], seed: number, scale = 1) =>
  tf.tensor(
    Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => scale * Math.sin(seed + i * 1.7)),
    shape,
  );

/** What `step` gives op by op and as a captured function, by our kernels, against the plain formula. */
function compare(step: (route: KernelRoute, inputs: TensorMap) => TensorMap, inputs: TensorMap, tolerance: number) {
  const numbers = (outputs: TensorMap) =>
    Object.values(outputs).map((output) => Array.from((output as tf.Tensor).dataSync()));
  const wanted = numbers(tf.tidy(() => step('tfjs', inputs)));
  const captured = capture((_: TensorMap, given: TensorMap) => ({
    state: {},
    outputs: step('tensorflow', given),
  }));
  const found = [tf.tidy(() => step('tensorflow', inputs)), captured({}, inputs).outputs];
  for (const outputs of found) {
    numbers(outputs).forEach((output, i) => {
      expect(relativeError(output, wanted[i]!), `output ${i}`).toBeLessThan(tolerance);
    });
  }
  captured.dispose();
}

describe.skipIf(lacking)(lacking ? `kernels in TensorFlow on a card, skipped: ${lacking}` : 'in TensorFlow', () => {
  it('the contrastive loss and its gradients', () => {
    const labels = tf.tensor1d(
      Array.from({ length: 67 }, (_, i) => i % 9),
      'int32',
    );
    const unit = (seed: number) =>
      tf.tidy(() => tf.div(values([67, 33], seed), tf.norm(values([67, 33], seed), 2, 1, true)));
    const step = (route: KernelRoute, { image, text }: TensorMap): TensorMap => {
      const loss = (image: tf.Tensor, text: tf.Tensor) =>
        classwiseContrastiveBy(route, {
          image: image as tf.Tensor2D,
          text: text as tf.Tensor2D,
          labels,
          logitScale: 2,
          smoothing: 0.1,
        }).loss;
      const { value, grads } = tf.valueAndGrads(loss)([image as tf.Tensor, text as tf.Tensor]);
      return { value, image: grads[0]!, text: grads[1]! };
    };
    compare(step, { image: unit(1), text: unit(2) }, 1e-3);
  });

  it('the attention to anchors and its gradients, with a table of the card', () => {
    const [classes, perClass, width] = [11, 5, 72];
    const counts = Array.from({ length: classes }, (_, c) => 1 + (c % perClass));
    const table = new AnchorTable(values([classes, perClass, width], 1) as tf.Tensor3D, counts);
    const [wq, wk] = [values([width, width], 3, 0.02), values([width, width], 4, 0.02)] as [tf.Tensor2D, tf.Tensor2D];
    const norm = (seed: number) => ({
      gamma: values([width], seed) as tf.Tensor1D,
      beta: values([width], seed + 1) as tf.Tensor1D,
    });
    const [lnq, lnk] = [norm(5), norm(7)];
    const step = (route: KernelRoute, { x }: TensorMap): TensorMap => {
      const sum = (x: tf.Tensor) =>
        tf.sum(
          tf.square(anchorAttentionBy(route, { x: x as tf.Tensor2D, anchors: table, wq, wk, lnq, lnk, logitScale: 2 })),
        );
      const { value, grad } = tf.valueAndGrad(sum)(x as tf.Tensor);
      return { value, grad };
    };
    compare(step, { x: values([9, width], 2) }, 1e-3);
    table.dispose();
  });

  it('AdamW', () => {
    const size = 100_003;
    const rules = [
      { weightDecay: 0.1, rate: 1, upperBound: Infinity },
      { weightDecay: 0, rate: 1, upperBound: 0.5 },
    ];
    const step = (route: KernelRoute, { params, m, v, first, second }: TensorMap): TensorMap => {
      const [learningRate, count] = [tf.scalar(0.01), tf.scalar(3)];
      const grads = [first as tf.Tensor, second as tf.Tensor];
      const vectors = { params, m, v } as { params: tf.Tensor1D; m: tf.Tensor1D; v: tf.Tensor1D };
      return adamwBy(route, { ...vectors, grads, rules, learningRate, step: count, clipNorm: 1 });
    };
    const [params, m, v] = [values([size], 1), values([size], 2), tf.square(values([size], 3))];
    compare(step, { params, m, v, first: values([50_001], 4), second: values([size - 50_001], 5) }, 1e-4);
  });
});
