import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VlltrError } from '../../lib/errors.js';
import {
  type ClasswiseContrastiveArguments,
  classwiseContrastiveBy,
  classwiseContrastive as classwiseContrastiveChosen,
} from '../../lib/ops/classwiseContrastive.js';
import { capture } from '../../lib/runtime/capture/index.js';
import type { KernelRoute } from '../../lib/runtime/ready.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { expectNear, expectNoLeak, expectNoReading, type Numbers } from '../support/compare.js';
import { onEveryRoute } from '../support/routes.js';

interface Case {
  name: string;
  inputs: {
    image: number[][];
    text: number[][];
    labels: number[];
    logitScale: number;
    smoothing: number;
    teacher?: { image: number[][]; text: number[][]; logitScale: number };
    distillWeight?: number;
  };
  outputs: { loss: number; contrastive: number; distillation: number };
  grads: { image: Numbers; text: Numbers; logitScale: number };
}

/** float64 values of the definition: test/reference/contrastive.py. */
const cases: Case[] = JSON.parse(readFileSync(new URL('../reference/contrastive.json', import.meta.url), 'utf8'));

/** Inputs of a case as tensors; run it inside a tidy. */
function inputsOf({ inputs }: Case): ClasswiseContrastiveArguments & { logitScale: tf.Scalar } {
  const { image, text, labels, logitScale, teacher, ...rest } = inputs;
  return {
    ...rest,
    image: tf.tensor2d(image),
    text: tf.tensor2d(text),
    labels: tf.tensor1d(labels, 'int32'),
    logitScale: tf.scalar(logitScale),
    teacher: teacher && { ...teacher, image: tf.tensor2d(teacher.image), text: tf.tensor2d(teacher.text) },
  };
}

/** Similarities, the teacher's too, reach exp(logitScale), so their float32 rounding does, and gradients carry it along. */
const rounding = ({ logitScale, teacher }: Case['inputs']): number =>
  2e-6 * Math.max(1, Math.exp(Math.max(logitScale, teacher?.logitScale ?? 0)) / 10);

function testRoute(route: KernelRoute): void {
  const classwiseContrastive = (args: ClasswiseContrastiveArguments) => classwiseContrastiveBy(route, args);

  describe.each(cases)('$name', (reference) => {
    const { inputs, outputs, grads } = reference;
    const tolerance = rounding(inputs);

    it('gives the losses and gradients of the definition', () => {
      tf.tidy(() => {
        const { image, text, logitScale, ...rest } = inputsOf(reference);
        const op = (v: tf.Tensor, t: tf.Tensor, s: tf.Tensor) =>
          classwiseContrastive({
            ...rest,
            image: v as tf.Tensor2D,
            text: t as tf.Tensor2D,
            logitScale: s as tf.Scalar,
          });
        const result = op(image, text, logitScale);
        for (const name of ['loss', 'contrastive', 'distillation'] as const)
          expectNear(result[name], outputs[name], tolerance, 1);
        const [dImage, dText, dScale] = tf.grads((v, t, s) => op(v, t, s).loss)([image, text, logitScale]);
        const size = Math.exp(inputs.logitScale) / inputs.labels.length;
        expectNear(dImage!, grads.image, tolerance, size);
        expectNear(dText!, grads.text, tolerance, size);
        expectNear(dScale!, grads.logitScale, tolerance, 1);
      });
    });

    it('takes host labels and a number as scale', () => {
      tf.tidy(() => {
        const args = inputsOf(reference);
        const { loss } = classwiseContrastive({
          ...args,
          labels: Int32Array.from(inputs.labels),
          logitScale: inputs.logitScale,
        });
        expectNear(loss, outputs.loss, tolerance, 1);
        const again = classwiseContrastive({ ...args, labels: inputs.labels });
        expectNear(again.loss, outputs.loss, tolerance, 1);
        const [dImage] = tf.grads(
          (v) => classwiseContrastive({ ...args, image: v as tf.Tensor2D, logitScale: inputs.logitScale }).loss,
        )([args.image]);
        expectNear(dImage!, grads.image, tolerance, Math.exp(inputs.logitScale) / inputs.labels.length);
      });
    });
  });

  const sample = cases.find((c) => c.name === 'teacher of another size')!;

  it('keeps what the gradient needs when its inputs are disposed', () => {
    const { image, text, logitScale } = inputsOf(sample);
    const [dImage] = tf.tidy(() =>
      tf.grads((v, t, s) => {
        const { labels, teacher, smoothing } = inputsOf(sample);
        const copies = [v.clone(), t.clone(), s.clone()] as const;
        const { loss } = classwiseContrastive({
          image: copies[0] as tf.Tensor2D,
          text: copies[1] as tf.Tensor2D,
          labels,
          logitScale: copies[2] as tf.Scalar,
          smoothing,
          teacher,
        });
        tf.dispose([...copies, labels as tf.Tensor, teacher!.image, teacher!.text]);
        return loss;
      })([image, text, logitScale]),
    );
    expectNear(dImage!, sample.grads.image, 1e-5);
    tf.dispose([image, text, logitScale, dImage!]);
  });

  it('gives the reported terms no gradient', () => {
    tf.tidy(() => {
      const { image, ...rest } = inputsOf(sample);
      const run = (v: tf.Tensor) => classwiseContrastive({ ...rest, image: v as tf.Tensor2D });
      expect(
        tf
          .grad((v) => run(v).contrastive)(image)
          .abs()
          .max()
          .dataSync()[0],
      ).toBe(0);
      expect(
        tf
          .grad((v) => run(v).distillation)(image)
          .abs()
          .max()
          .dataSync()[0],
      ).toBe(0);
      const mixed = tf.grad((v) => {
        const { loss, contrastive } = run(v);
        return tf.add(tf.mul(loss, 2), contrastive);
      })(image);
      expectNear(tf.div(mixed, 2), sample.grads.image, 1e-5);
    });
  });

  it('meets ds = Σ⟨v, dV⟩ = Σ⟨t, dT⟩', () => {
    tf.tidy(() => {
      const { image, text, logitScale, ...rest } = inputsOf(sample);
      const [dV, dT, dS] = tf.grads(
        (v, t, s) =>
          classwiseContrastive({
            ...rest,
            image: v as tf.Tensor2D,
            text: t as tf.Tensor2D,
            logitScale: s as tf.Scalar,
          }).loss,
      )([image, text, logitScale]);
      const expected = dS!.dataSync()[0]!;
      expectNear(tf.sum(tf.mul(image, dV!)), expected, 1e-5, 1);
      expectNear(tf.sum(tf.mul(text, dT!)), expected, 1e-5, 1);
    });
  });

  it('leaks nothing and reads nothing', () => {
    const args = inputsOf(sample);
    const step = (): void => {
      const result = classwiseContrastive(args);
      const grads = tf.grads((v) => classwiseContrastive({ ...args, image: v as tf.Tensor2D }).loss)([args.image]);
      tf.dispose([result.loss, result.contrastive, result.distillation, grads]);
    };
    expectNoLeak(step);
    if (route !== 'node') expectNoReading(step);
    tf.dispose([args.image, args.text, args.labels as tf.Tensor, args.logitScale]);
    tf.dispose([args.teacher!.image, args.teacher!.text]);
  });

  it.runIf(route !== 'tfjs')('rounds features to bfloat16 where asked, near the same', () => {
    tf.tidy(() => {
      const { image, ...rest } = inputsOf(sample);
      const loss = (v: tf.Tensor) => classwiseContrastive({ ...rest, image: v as tf.Tensor2D, precision: 'bf16' }).loss;
      const value = loss(image);
      expectNear(value, sample.outputs.loss, 1e-2);
      expect(value.dataSync()[0]).not.toBe(classwiseContrastive({ ...rest, image }).loss.dataSync()[0]);
      expectNear(tf.grad(loss)(image), sample.grads.image, 3e-2);
    });
  });

  it.runIf(route === 'tensorflow')('is part of a captured step', () => {
    tf.tidy(() => {
      const { image, text, logitScale, labels, teacher, ...rest } = inputsOf(sample);
      const step = capture((state: TensorMap, inputs: TensorMap): { state: TensorMap; outputs: TensorMap } => {
        const { v, t, s, y, tv, tt } = inputs as Record<string, tf.Tensor2D>;
        const { value, grads } = tf.valueAndGrads((v, t, s) => {
          const given = { image: v as tf.Tensor2D, text: t as tf.Tensor2D, logitScale: s as tf.Scalar };
          const frozen = { image: tv!, text: tt!, logitScale: teacher!.logitScale };
          return classwiseContrastive({ ...rest, ...given, labels: y as unknown as tf.Tensor1D, teacher: frozen }).loss;
        })([v!, t!, s!]);
        return { state, outputs: { value, v: grads[0]!, t: grads[1]!, s: grads[2]! } };
      });
      const inputs = { v: image, t: text, s: logitScale, y: labels, tv: teacher!.image, tt: teacher!.text };
      for (let i = 0; i < 2; i++) {
        const { outputs } = step({}, inputs as TensorMap);
        expectNear(outputs.value!, sample.outputs.loss, 5e-6, 1);
        expectNear(outputs.v!, sample.grads.image, 5e-6);
        expectNear(outputs.t!, sample.grads.text, 5e-6);
        expectNear(outputs.s!, sample.grads.logitScale, 5e-6, 1);
      }
      step.dispose();
    });
  });
}

onEveryRoute(testRoute, () => classwiseContrastiveBy('node', inputsOf(cases[0]!)));

describe('refusals', () => {
  const good = () => inputsOf(cases[0]!);
  const refusal = (change: (args: ReturnType<typeof good>) => object): string =>
    tf.tidy(() => {
      const args = good();
      try {
        classwiseContrastiveChosen({ ...args, ...change(args) } as ClasswiseContrastiveArguments);
      } catch (error) {
        expect(error).toBeInstanceOf(VlltrError);
        expect((error as VlltrError).code).toBe('ERR_ARGUMENT');
        return (error as VlltrError).message;
      }
      throw new Error('nothing was refused');
    });

  it.each<[string, (args: ReturnType<typeof good>) => object, RegExp]>([
    ['rank', () => ({ image: tf.zeros([5]) }), /image is float32 \[5\]; expected float32 \[B,D\]/],
    ['type', () => ({ text: [[1, 2]] }), /text is an array of length 1; expected float32 \[B,D\]/],
    [
      'another size',
      () => ({ text: tf.zeros([7, 4]) }),
      /text is float32 \[7,4\]; expected float32 \[B,D\] with B = 7 \(from image\), D = 5 \(from image\)/,
    ],
    ['an empty batch', () => ({ image: tf.zeros([0, 5]) }), /image is float32 \[0,5\]; expected .*B at least 1/],
    ['float labels', () => ({ labels: tf.zeros([7]) }), /labels is float32 \[7\]; expected int32 \[B\]/],
    ['too few labels', () => ({ labels: [1, 2] }), /labels is an array of length 2; expected int32 \[B\] with B = 7/],
    ['a broken label', () => ({ labels: [1, 2, 3, 4, 5, 6, 0.5] }), /labels\[6\] is the number 0.5/],
    ['scale', () => ({ logitScale: Number.NaN }), /logitScale is the number NaN; expected a finite number/],
    ['scale of rank 1', () => ({ logitScale: tf.zeros([1]) }), /logitScale is float32 \[1\]/],
    ['smoothing', () => ({ smoothing: 1.5 }), /smoothing is the number 1.5; expected a finite number in \[0, 1\]/],
    ['precision', () => ({ precision: 'fp16' }), /precision is string; expected 'fp32' or 'bf16'/],
    ['weight without teacher', () => ({ distillWeight: 0.5 }), /distillWeight is 0.5 but there is no teacher/],
    [
      'teacher',
      () => ({ teacher: { image: tf.zeros([7, 3]), text: tf.zeros([7, 2]), logitScale: 1 } }),
      /teacher.text is float32 \[7,2\]/,
    ],
    [
      'a disposed tensor',
      ({ image }) => {
        image.dispose();
        return {};
      },
      /image is a disposed tensor/,
    ],
  ])('%s', (_, change, message) => {
    expect(refusal(change)).toMatch(message);
  });
});
