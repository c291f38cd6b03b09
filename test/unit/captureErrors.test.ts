import { expect, it } from 'vitest';
import { capture, type Step } from '../../lib/runtime/capture/index.js';
import { attr, executeOp } from '../../lib/runtime/fused.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import type { TensorTree } from '../../lib/runtime/tree.js';
import { literally } from '../support/literally.js';
import { holdings, onTensorFlow, scoped } from '../support/tensorflow.js';

type TreeStep = Step<TensorTree, TensorTree, TensorTree>;

onTensorFlow('capture', () => {
  const negate: TreeStep = (state, { x }) => ({ state, outputs: { y: tf.neg(x as tf.Tensor) } });

  it('refuses a disposed argument by its path', () => {
    scoped(() => {
      const captured = capture(negate);
      const x = tf.ones([2]);
      captured({}, { x });
      x.dispose();
      const error = expect.objectContaining({
        code: 'ERR_ARGUMENT',
        message: 'capture: inputs/x is a disposed tensor',
      });
      expect(() => captured({}, { x })).toThrow(error);
      expect(() => capture(negate, { onFailure: () => {} })({}, { x })).toThrow(error);
      captured.dispose();
    });
  });

  it('refuses arguments that are no records', () => {
    const refused = (state: unknown, inputs: unknown, message: RegExp) =>
      expect(() => capture(negate)(state as TensorMap, inputs as TensorMap)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(message) }),
      );
    scoped(() => {
      refused(undefined, {}, /state is undefined; expected a record of tensors/);
      refused({}, null, /inputs is null/);
      refused({}, tf.neg(tf.ones([1])), /inputs is a tensor of type float32/);
      refused([], {}, /state is of class Array/);
      refused('state', {}, /state is the string 'state'/);
    });
  });

  it.each([
    [
      'a promise',
      async () => ({ state: {}, outputs: {} }),
      /the step returned what is of class Promise; expected \{state/,
    ],
    ['nothing', () => undefined, /the step returned what is undefined/],
    ['no outputs', () => ({ state: {} }), /the step returned \{state\}/],
    ['a tensor', () => tf.scalar(1), /the step returned what is a tensor/],
    ['a list', () => ({ state: [], outputs: {} }), /the step returned \{state,outputs\}/],
  ])('refuses a step that returns %s', (_, step, message) => {
    scoped(() => {
      const error = expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(message) });
      expect(() => capture(step as unknown as TreeStep)({}, {})).toThrow(error);
    });
  });

  it('refuses impossible options', () => {
    const refused = (options: object, message: RegExp, step: unknown = negate) =>
      expect(() => capture(step as TreeStep, options)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(message) }),
      );
    refused({ signatures: 0 }, /signatures is 0; expected an integer ≥ 1/);
    refused({ signatures: 1.5 }, /signatures is 1.5/);
    refused({ precision: 'fp8' }, /precision is 'fp8'; expected 'fp32' or 'bf16'/);
    refused({ precison: 'bf16' }, /capture has no option precison; expected precision, xla, /);
    refused({}, /step is object; expected a function/, {});
  });

  it('lets the errors of the step through, and goes on', () => {
    scoped(() => {
      let broken = true;
      const captured = capture<TensorTree, TensorTree, TensorTree>((state, { x }) => {
        const y = tf.neg(x as tf.Tensor);
        if (broken) throw new TypeError('out of paper');
        return { state, outputs: { y } };
      });
      const x = tf.ones([2]);
      expect(() => captured({}, { x })).toThrow(new TypeError('out of paper'));
      expect(() => tf.matMul(x as never, x as never)).toThrow();
      broken = false;
      expect([...(captured({}, { x }).outputs.y as tf.Tensor).dataSync()]).toEqual([-1, -1]);
      captured.dispose();
    });
  });

  it.each(['fp32', 'bf16'] as const)('says of an error in a function which op it was and where: %s', (precision) => {
    scoped(() => {
      const gather = [
        ...[attr.int('batch_dims', 0), attr.type('Tparams', 'float32'), attr.type('Tindices', 'int32')],
        attr.type('Taxis', 'int32'),
      ];
      let at = '';
      const captured = capture<TensorMap, TensorMap, TensorMap>(
        (state, { x, rows }) => {
          at = String(Number(/captureErrors\.test\.ts:(\d+)/.exec(new Error().stack!)![1]) + 1);
          const [found] = executeOp('GatherV2', gather, [tf.relu(x!), rows!, tf.scalar(0, 'int32')], 1);
          return { state, outputs: { y: tf.sum(tf.square(found!)) } };
        },
        { precision },
      );
      const [x, rows] = [tf.tensor1d([1, 2]), tf.tensor1d([1, 0], 'int32')];
      expect(captured({}, { x, rows }).outputs.y!.dataSync()[0]).toBe(5);
      const inside = holdings();
      expect(() => captured({}, { x, rows: tf.tensor1d([1, 7], 'int32') })).toThrow(
        expect.objectContaining({
          code: 'ERR_NATIVE',
          message: expect.stringMatching(
            new RegExp(
              `captured step failed: [^]*= 7 is not in \\[0, 2\\)[^]*\\(GatherV2: at ${literally(import.meta.filename)}:${at}:`,
            ),
          ),
        }),
      );
      expect(holdings().tensors - inside.tensors).toBe(1); // the indices
      expect(captured({}, { x, rows }).outputs.y!.dataSync()[0]).toBe(5);
      captured.dispose();
    });
  });
});
