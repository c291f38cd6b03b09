import { afterEach, expect, it, vi } from 'vitest';
import type { VlltrError } from '../../lib/errors.js';
import { capture, type Step } from '../../lib/runtime/capture/index.js';
import { attr, executeOp } from '../../lib/runtime/fused.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { backend, holdings, onTensorFlow } from '../support/tensorflow.js';

type MapStep = Step<TensorMap, TensorMap, TensorMap>;

/** The line that calls it. */
const line = (): number => Number([...new Error().stack!.matchAll(/captureTraps\.test\.ts:(\d+)/g)][1]![1]);

let at = 0;
const made: tf.Tensor[] = [];
const own = <T extends tf.Tensor>(tensor: T): T => {
  made.push(tensor);
  return tensor;
};
afterEach(() => {
  tf.dispose(made.splice(0));
});

/**
 * The step is refused, twice: thrown without `onFailure`; with it told once, and gone on op by op. Either way the
 * backend is as it was and nothing is left.
 */
function expectRefused(step: MapStep, inputs: TensorMap, message: RegExp, op?: string) {
  backend().getInputTensorIds(Object.values(inputs).filter((value) => value instanceof tf.Tensor));
  const before = holdings();
  const keys = Object.keys(backend());
  const { binding } = backend();
  const error = (() => {
    try {
      capture(step)({}, inputs);
    } catch (thrown) {
      return thrown as VlltrError;
    }
    return undefined;
  })();
  expect(error).toMatchObject({ name: 'VlltrError', code: 'ERR_CAPTURE' });
  expect(error!.message).toMatch(message);
  expect(error!.message).toMatch(/^The step cannot be captured: /);
  if (op !== undefined) expect(error!.message).toContain(`${op}${op && ' '}at ${import.meta.filename}:${at}:`);
  expect(backend().binding).toBe(binding);
  expect(Object.keys(backend())).toEqual(keys);
  expect(holdings()).toEqual(before);

  const onFailure = vi.fn<(e: VlltrError) => void>();
  const captured = capture(step, { onFailure });
  tf.dispose(captured({}, inputs).outputs);
  tf.dispose(captured({}, inputs).outputs);
  expect(onFailure).toHaveBeenCalledOnce();
  expect(onFailure.mock.calls[0]![0]).toMatchObject({ code: 'ERR_CAPTURE', message: expect.stringMatching(message) });
  captured.dispose();
  expect(holdings()).toEqual(before);
}

const outputs = (y: tf.Tensor) => ({ state: {}, outputs: { y } });

onTensorFlow('capture refuses, by the name of the op and the place,', () => {
  it('a number that changes: a learning rate from a counter', () => {
    let count = 0;
    const step: MapStep = (_, { x }) => {
      at = line() + 1;
      const rate = tf.scalar(0.1 / ++count);
      return outputs(tf.mul(x!, rate));
    };
    expectRefused(
      step,
      { x: own(tf.ones([3])) },
      /recorded twice, a constant \[\] had other values.*Make it an input/,
      '',
    );
  });

  it('a plain number in an op’s place', () => {
    let count = 0;
    const step: MapStep = (_, { x }) => {
      at = line() + 1;
      return outputs(tf.add(x!, ++count));
    };
    expectRefused(step, { x: own(tf.ones([3])) }, /a constant \[\] had other values/, 'add');
  });

  it('a constant whose shape changes', () => {
    let count = 0;
    const step: MapStep = (_, { x }) => {
      at = line() + 1;
      return outputs(tf.add(x!, tf.tensor1d(new Array(++count % 2 ? 1 : 3).fill(0))));
    };
    expectRefused(step, { x: own(tf.ones([3])) }, /a constant was \[1\] the first time and \[3\] the second/, '');
  });

  it('random numbers that TensorFlow.js draws', () => {
    const step: MapStep = (_, { x }) => {
      at = line() + 1;
      const noise = tf.randomUniform([3]);
      return outputs(tf.add(x!, noise));
    };
    expectRefused(step, { x: own(tf.ones([3])) }, /a constant \[3\] had other values/, 'randomUniform');
  });

  it('random numbers that TensorFlow draws', () => {
    const attributes = [
      attr.type('T', 'int32'),
      attr.type('dtype', 'float32'),
      attr.int('seed', 1),
      attr.int('seed2', 2),
    ];
    const normal: MapStep = (_, { x }) => {
      at = line() + 1;
      const noise = executeOp('RandomStandardNormal', attributes, [tf.tensor1d([3], 'int32')], 1)[0]!;
      return outputs(tf.add(x!, noise));
    };
    expectRefused(normal, { x: own(tf.ones([3])) }, /RandomStandardNormal.*keeps a state of its own.*or draws/, '');
    const multinomial: MapStep = (_, { x }) => {
      at = line() + 1;
      return outputs(tf.multinomial(x as tf.Tensor1D, 2, 3));
    };
    expectRefused(multinomial, { x: own(tf.ones([3])) }, /multinomial.*\(Multinomial\) keeps/, 'multinomial');
  });

  it('an op more, or another op', () => {
    let count = 0;
    const more: MapStep = (_, { x }) => {
      const y = tf.neg(x!);
      at = line() + 1;
      return outputs(++count % 2 ? y : tf.relu(y));
    };
    expectRefused(
      more,
      { x: own(tf.ones([3])) },
      /another course: nothing more the first time, Relu \(relu at/,
      'relu',
    );
    const other: MapStep = (_, { x }) => {
      at = line() + 1;
      return outputs(++count % 2 ? tf.sin(x!) : tf.cos(x!));
    };
    expectRefused(other, { x: own(tf.ones([3])) }, /Sin \(sin at .*\) the first time, Cos \(cos at/, 'cos');
  });

  it('a branch on values, whether of an argument or computed', () => {
    const argument: MapStep = (_, { x }) => {
      at = line() + 1;
      const [first] = x!.dataSync();
      return outputs(first! > 0 ? tf.neg(x!) : tf.relu(x!));
    };
    expectRefused(argument, { x: own(tf.ones([3])) }, /reads an argument back.*compute with tensors, or give/, '');
    const computed: MapStep = (_, { x }) => {
      at = line() + 1;
      const sum = tf.sum(x!).arraySync() as number;
      return outputs(tf.mul(x!, sum));
    };
    expectRefused(computed, { x: own(tf.ones([3])) }, /reads what Sum gave back/, '');
  });

  it('a value read on the side, be it later', async () => {
    const step: MapStep = (_, { x }) => {
      const sum = tf.sum(x!);
      at = line() + 1;
      sum.data().catch(() => {});
      return outputs(tf.neg(x!));
    };
    expectRefused(step, { x: own(tf.ones([3])) }, /reads what Sum gave back/, '');
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('an op of TensorFlow.js that reads its input', () => {
    const step: MapStep = (_, { x, rows }) => {
      at = line() + 1;
      return outputs(tf.gather(x!, rows as tf.Tensor1D));
    };
    const rows = own(tf.tensor1d([0, 2], 'int32'));
    expectRefused(step, { x: own(tf.ones([3])), rows }, /reads an argument back/, 'gather');
  });

  it('another attribute', () => {
    let count = 0;
    const step: MapStep = (_, { x }) => {
      at = line() + 1;
      return outputs(tf.sum(x!, undefined, ++count % 2 === 0));
    };
    expectRefused(
      step,
      { x: own(tf.ones([3])) },
      /attribute keep_dims of Sum was false the first time and true/,
      'sum',
    );
  });

  it('a tensor from outside that is replaced within the step', () => {
    let mean = tf.zeros([3]);
    const step: MapStep = (_, { x }) => {
      const old = mean;
      at = line() + 1;
      mean = tf.keep(tf.add(old, x!)) as tf.Tensor1D;
      old.dispose();
      return outputs(tf.neg(mean));
    };
    const x = own(tf.ones([3]));
    const error = expect.objectContaining({
      code: 'ERR_CAPTURE',
      message: expect.stringMatching(
        /tensor from outside the step, float32 \[3\], an input of Add \(add at .*another one/,
      ),
    });
    expect(() => capture(step)({}, { x })).toThrow(error);
    expect(() => capture(step)({}, { x })).toThrow(
      expect.objectContaining({ message: expect.stringContaining(`:${at}:`) }),
    );
    expect([...mean.dataSync()]).toEqual([4, 4, 4]); // as if it had run, twice each time
    mean.dispose();
  });

  it('a variable that it assigns', () => {
    const total = tf.tidy(() => tf.variable(tf.neg(tf.zeros([3]))));
    const step: MapStep = (_, { x }) => {
      total.assign(tf.add(total, x!));
      return outputs(tf.neg(total));
    };
    expectRefused(step, { x: own(tf.ones([3])) }, /from outside the step, float32 \[3\].*another one the second time/);
    total.dispose();
  });

  it('other inputs of the same ops, and a result from elsewhere', () => {
    let count = 0;
    const swapped: MapStep = (_, { x, z }) => {
      at = line() + 1;
      return outputs(++count % 2 ? tf.sub(x!, z!) : tf.sub(z!, x!));
    };
    const inputs = { x: own(tf.ones([3])), z: own(tf.zeros([3])) };
    expectRefused(swapped, inputs, /Sub was given other tensors the second time/, 'sub');
    const result: MapStep = (_, { x, z }) => ({ state: {}, outputs: { a: (++count % 2 ? x! : z!).clone() } });
    expectRefused(result, inputs, /its result outputs\/a came from elsewhere the second time/);
    const missing: MapStep = (_, { x }) => ({
      state: {},
      outputs: (++count % 2 ? {} : { b: tf.neg(x!) }) as TensorMap,
    });
    expectRefused(missing, inputs, /took another course: nothing more the first time, Neg/);
  });

  it('an argument that the step gets hold of by another way', () => {
    const x = own(tf.tensor1d([1, 2, 3]));
    const used: MapStep = (_, inputs) => {
      at = line() + 1;
      return outputs(tf.mul(inputs.x!, x));
    };
    expectRefused(used, { x }, /inputs\/x, an input of Mul \(mul at .*\), is also used from outside/, 'mul');
    const read: MapStep = (_, inputs) => {
      at = line() + 1;
      const [first] = x.dataSync();
      return outputs(tf.mul(inputs.x!, first!));
    };
    expectRefused(read, { x }, /inputs\/x, read at .*, is also used from outside/, '');
  });

  it('a shape that depends on values', () => {
    const step: MapStep = (_, { x }) => {
      const rows = executeOp('Where', [attr.type('T', 'float32')], [x!], 1)[0]!;
      at = line() + 1;
      return outputs(tf.sum(tf.cast(rows, 'float32')));
    };
    expectRefused(step, { x: own(tf.ones([3])) }, /gives Cast a tensor whose shape depends on values/, 'cast');
    const counted: MapStep = (_, { x }) => {
      at = line() + 1;
      const chosen = tf.image.nonMaxSuppression(tf.zeros([3, 4]), x as tf.Tensor1D, 2);
      return outputs(tf.mul(x!, chosen.shape[0]));
    };
    expectRefused(
      counted,
      { x: own(tf.ones([3])) },
      /takes from NonMaxSuppressionV3 a tensor whose shape/,
      'nonMaxSuppression',
    );
  });

  it('tensors of strings', () => {
    const made: MapStep = (_, { x }) => {
      at = line() + 1;
      const words = tf.tensor1d(['a', 'b']);
      return { state: {}, outputs: { y: tf.neg(x!), n: tf.equal(words, words) } };
    };
    expectRefused(made, { x: own(tf.ones([3])) }, /makes a tensor of strings/, '');
    const copied: MapStep = (_, { words }) => ({ state: {}, outputs: { same: words!.clone() } });
    expectRefused(copied, { words: own(tf.tensor1d(['a'])) }, /its argument inputs\/words is a tensor of type string/);
    const words = own(tf.tensor1d(['a', 'b']));
    backend().getInputTensorIds([words]);
    const outside: MapStep = () => ({ state: {}, outputs: { y: tf.equal(words, words) } });
    expectRefused(outside, {}, /a tensor from outside is string; expected float32, int32 or bool/);
  });

  it('arguments that are no tensors: the function would freeze them', () => {
    const x = own(tf.ones([3]));
    const scaled: Step<TensorMap, { x: tf.Tensor; by: number } & TensorMap, TensorMap> = (_, inputs) =>
      outputs(tf.mul(inputs.x, inputs.by));
    const refuse = (inputs: object, message: RegExp) =>
      expectRefused(scaled as unknown as MapStep, inputs as TensorMap, message);
    refuse({ x, by: 2 }, /its argument inputs\/by is the number 2, .*expected a tensor or a record of tensors/);
    refuse(
      { x, by: 'two'.length, flag: { deep: true } },
      /inputs\/(by is the number 3|flag\/deep is the boolean true)/,
    );
    refuse({ x, by: [1, 2, 3] }, /inputs\/by is of class Array/);
    refuse({ x, by: new Float32Array(3) }, /inputs\/by is of class Float32Array/);
    const words = (({ name }: { name: string }, inputs: TensorMap) => outputs(tf.mul(inputs.x!, name.length))) as never;
    expect(() => capture(words)({ name: 'abc' } as never, { x })).toThrow(/state\/name is the string 'abc'/);
  });

  it('results that are no tensors', () => {
    const x = own(tf.ones([3]));
    const refuse = (result: unknown, message: RegExp) =>
      expectRefused(
        ((_: unknown, inputs: TensorMap) => {
          const y = tf.neg(inputs.x!);
          return { state: {}, outputs: { y, ...(result as object) } };
        }) as unknown as MapStep,
        { x },
        message,
      );
    refuse({ n: 5 }, /its result outputs\/n is the number 5/);
    refuse({ n: 'abc' }, /its result outputs\/n is the string 'abc'/);
    refuse({ n: { m: [1] } }, /its result outputs\/n\/m is of class Array/);
  });
});
