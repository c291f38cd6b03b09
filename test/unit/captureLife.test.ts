import { expect, it, vi } from 'vitest';
import { capture, type Step } from '../../lib/runtime/capture/index.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { growth } from '../support/memory.js';
import { backend, holdings, onTensorFlow, scoped } from '../support/tensorflow.js';

type MapStep = Step<TensorMap, TensorMap, TensorMap>;

const square: MapStep = (state, { x }) => ({ state, outputs: { y: tf.square(x!) } });

/** Runs `use` and gives the names of the captured functions that TensorFlow ran meanwhile. */
function functionsRun(use: () => void): string[] {
  const { binding } = backend();
  const names: string[] = [];
  const watched = Object.create(binding, {
    executeOp: {
      value: (name: string, ...rest: [never, never, never]) => {
        if (name.startsWith('vlltr_')) names.push(name);
        return binding.executeOp(name, ...rest);
      },
    },
  });
  backend().binding = watched;
  try {
    use();
  } finally {
    backend().binding = binding;
  }
  return names;
}

/** Whether TensorFlow still has a function of one argument. */
function exists(name: string): boolean {
  const [id] = backend().getInputTensorIds([tf.ones([1])]);
  try {
    const [made] = backend().binding.executeOp(name, [], [id!], 1);
    backend().binding.deleteTensor(made!.id);
    return true;
  } catch (error) {
    // It may be there and not fit.
    if (/nor a name of a function registered/.test((error as Error).message)) return false;
    throw error;
  }
}

onTensorFlow('captured functions', () => {
  it('are made once a signature, and the one longest unused makes room', () => {
    scoped(() => {
      const step = vi.fn(square);
      const captured = capture(step, { signatures: 2, name: 'least used' });
      const sizes = new Map([1, 2, 3].map((n) => [n, tf.ones([n])]));
      const run = (n: number): { recorded: boolean; name: string } => {
        step.mockClear();
        const names = functionsRun(() => captured({}, { x: sizes.get(n)! }));
        expect(names).toHaveLength(1);
        expect([0, 2]).toContain(step.mock.calls.length);
        return { recorded: step.mock.calls.length > 0, name: names[0]! };
      };
      const [one, two] = [run(1), run(2)];
      expect([one.recorded, two.recorded]).toEqual([true, true]);
      expect(one.name).toMatch(/^vlltr_least_used_[0-9a-f]{6}_\d+$/);
      expect(run(1)).toEqual({ recorded: false, name: one.name });
      const three = run(3); // takes the place of 2
      expect(three.recorded).toBe(true);
      expect([one, two, three].map(({ name }) => exists(name))).toEqual([true, false, true]);
      expect(run(1).recorded).toBe(false);
      const again = run(2); // takes the place of 3
      expect(again.recorded).toBe(true);
      expect(again.name).not.toBe(two.name);
      expect([one, three, again].map(({ name }) => exists(name))).toEqual([true, false, true]);
      captured.dispose();
      expect([one, again].map(({ name }) => exists(name))).toEqual([false, false]);
    });
  });

  it('go with dispose, again and again, and come back when called', () => {
    scoped(() => {
      const step = vi.fn(square);
      const captured = capture(step);
      captured.dispose();
      const x = tf.tensor1d([1, 2]);
      for (let i = 1; i <= 3; i++) {
        const [name] = functionsRun(() => captured({}, { x }));
        expect([...captured({}, { x }).outputs.y!.dataSync()]).toEqual([1, 4]);
        expect(step).toHaveBeenCalledTimes(2 * i);
        captured.dispose();
        captured.dispose();
        expect(exists(name!)).toBe(false);
      }
    });
  });

  it('go with what they are made of', () => {
    scoped(() => {
      const captured = capture(square, { precision: 'bf16' });
      const [name] = functionsRun(() => captured({}, { x: tf.ones([1]) }));
      expect([name!, `${name}_body`].map(exists)).toEqual([true, true]);
      captured.dispose();
      expect([name!, `${name}_body`].map(exists)).toEqual([false, false]);
    });
  });

  it('may be disposed by the step itself while it is recorded, and by its results’ user', () => {
    scoped(() => {
      const captured = capture<TensorMap, TensorMap, TensorMap>((state, { x }) => {
        captured.dispose();
        return { state, outputs: { y: tf.square(x!) } };
      });
      for (const values of [[1], [2, 3], [4]]) {
        const x = tf.tensor1d(values);
        const [first, second] = [captured({}, { x }).outputs.y!, captured({}, { x }).outputs.y!];
        captured.dispose();
        for (const y of [first, second]) expect([...y.dataSync()]).toEqual(values.map((v) => v * v));
      }
    });
  });

  it('leave nothing of steps that fail, whatever fails in them', () => {
    scoped(() => {
      const x = tf.neg(tf.fill([3], -1));
      const failing: MapStep[] = [
        (_, given) => {
          tf.tidy(() => tf.neg(given.x!));
          throw new Error('the step’s own');
        },
        (_, given) => ({ state: {}, outputs: { y: tf.matMul(given.x as never, given.x as never) } }),
        (_, given) => ({ state: {}, outputs: { y: tf.mul(tf.neg(given.x!), tf.sum(given.x!).arraySync() as number) } }),
        (_, given) => ({ state: {}, outputs: { y: tf.keep(tf.randomUniform([3])), z: tf.keep(tf.neg(given.x!)) } }),
        (_, given) => ({ state: {}, outputs: { y: tf.multinomial(given.x as tf.Tensor1D, 2, 1) } }),
        (_, given) => ({ state: {}, outputs: { y: tf.keep(tf.neg(given.x!)), n: 3 as never } }),
      ];
      for (const step of failing) {
        const before = holdings();
        const { binding } = backend();
        const captured = capture(step);
        for (let i = 0; i < 3; i++) expect(() => captured({}, { x }), String(step)).toThrow();
        expect(holdings(), String(step)).toEqual(before);
        expect(backend().binding).toBe(binding);
      }
      expect(tf.tidy(() => [...capture(square)({}, { x }).outputs.y!.dataSync()])).toEqual([1, 1, 1]);
    });
  });

  it('do not grow over 2,000 calls', () => {
    const step: MapStep = ({ w }, { x, rate }) => {
      const { value, grad } = tf.valueAndGrad((now: tf.Tensor) =>
        tf.mean(tf.square(tf.sub(tf.matMul(x as tf.Tensor2D, now as tf.Tensor2D), 1))),
      )(w!);
      return { state: { w: tf.sub(w!, tf.mul(grad, rate!)) }, outputs: { loss: value, norm: tf.norm(grad) } };
    };
    const captured = capture(step);
    let state: TensorMap = { w: tf.ones([32, 4]) };
    const run = (steps: number): void => {
      for (let i = 0; i < steps; i++) {
        const inputs = { x: tf.ones([16 + (i % 3), 32]), rate: tf.scalar(1e-3 / (i + 1)) };
        const { state: next, outputs } = captured(state, inputs);
        tf.dispose([state, inputs, outputs]);
        state = next;
      }
    };
    run(400);
    const before = holdings();
    expect(growth(() => run(400))).toBeLessThan(6 * 2 ** 20);
    expect(holdings()).toEqual(before);
    captured.dispose();
    tf.dispose(state);
  });

  it('do not grow with signatures that come and go', () => {
    const before = holdings();
    // Elementwise: oneDNN keeps code for every shape of a product, captured or not.
    const captured = capture(square, { signatures: 2 });
    let n = 0;
    const run = (): void => {
      for (const to = n + 160; n < to; ) {
        const x = tf.ones([++n]);
        tf.dispose([x, captured({}, { x }).outputs]);
      }
    };
    run();
    expect(growth(run)).toBeLessThan(6 * 2 ** 20);
    captured.dispose();
    expect(holdings()).toEqual(before);
  });
});
