import { expect, it, vi } from 'vitest';
import { type CapturedStep, capture, type Step } from '../../lib/runtime/capture/index.js';
import { attr, executeOp } from '../../lib/runtime/fused.js';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import type { TensorTree } from '../../lib/runtime/tree.js';
import { backend, holdings, onTensorFlow, scoped } from '../support/tensorflow.js';

type TreeStep = Step<TensorTree, TensorTree, TensorTree>;

/** Types, shapes and values of a tree. */
const values = (tree: TensorTree): tf.TensorContainerObject =>
  Object.fromEntries(
    Object.entries(tree)
      .filter(([, value]) => value)
      .map(([name, value]) => [
        name,
        value instanceof tf.Tensor
          ? { dtype: value.dtype, shape: value.shape, values: [...value.dataSync()] }
          : values(value),
      ]),
  );

/** Two calls of the step op by op and captured give the same, and all is gone once it is disposed. */
function expectSame(step: TreeStep, inputs: TensorTree, state: TensorTree = {}): void {
  const plain = tf.tidy(() => values(step(state, inputs)));
  const all = () => ({ ...holdings(), bytes: tf.memory().numBytes });
  const before = all();
  const captured = capture(step);
  for (let i = 0; i < 2; i++) {
    expect(tf.tidy(() => values(captured(state, inputs)))).toEqual(plain);
  }
  captured.dispose();
  expect(all()).toEqual(before);
}

onTensorFlow('a captured step', () => {
  it('gives what the step gives, of every type, shape and depth', () => {
    scoped(() => {
      const inputs = {
        x: tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]),
        deep: { i: tf.tensor1d([3, -1, 2], 'int32'), deeper: { b: tf.tensor1d([true, false, true], 'bool') } },
        none: tf.zeros([0, 3]),
        one: tf.scalar(2),
      };
      expectSame((state, given) => {
        const { x, deep, none, one } = given as typeof inputs;
        return {
          state,
          outputs: {
            sum: tf.sum(x, 1),
            whole: tf.add(deep.i, 1),
            no: tf.logicalNot(deep.deeper.b),
            still: { none: tf.mul(none, one), max: tf.argMax(x, 1), cast: tf.cast(deep.deeper.b, 'float32') },
            chosen: tf.where(deep.deeper.b, deep.i, tf.zerosLike(deep.i)),
          },
        };
      }, inputs);
    });
  });

  it('takes lists of tensors and every kind of attribute', () => {
    scoped(() => {
      const inputs = {
        a: tf.tensor2d([1, -2, 3, 4], [2, 2]),
        b: tf.tensor2d([5, 6, -7, 8], [2, 2]),
        p: tf.randomNormal([1, 5, 5, 2]),
      };
      expectSame((state, given) => {
        const { a, b, p } = given as typeof inputs;
        const [left, right] = tf.split(a, 2, 1) as [tf.Tensor, tf.Tensor];
        const image = p as tf.Tensor4D;
        const weights = tf.reshape(tf.range(0, 3 * 3 * 2 * 2), [3, 3, 2, 2]) as tf.Tensor4D;
        const batchNorm = [
          ...[attr.type('T', 'float32'), attr.type('U', 'float32'), attr.float('epsilon', 0.5)],
          ...[attr.string('data_format', 'NHWC'), attr.bool('is_training', true)],
        ];
        const zeros = tf.zeros([2]);
        const normal = executeOp('FusedBatchNormV3', batchNorm, [image, tf.ones([2]), zeros, zeros, zeros], 6);
        return {
          state,
          outputs: {
            stacked: tf.stack([a, b, a], 1),
            one: tf.stack([a]),
            joined: tf.concat([a, b, right, left], 1),
            added: tf.addN([a, b, a]),
            parts: tf.unstack(b)[1]!,
            conv: tf.conv2d(image, weights, [2, 1], 'same'),
            pooled: tf.avgPool(image, 2, 2, 'valid'),
            product: tf.matMul(a, b, true, false),
            tiled: tf.tile(a, [2, 1]),
            strided: tf.stridedSlice(p, [0, 4, 0, 0], [1, 0, 5, 2], [1, -2, 2, 1]),
            best: tf.topk(a, 1).values,
            normal: normal[0]!,
          },
        };
      }, inputs);
    });
  });

  it('computes nothing while it is traced', () => {
    scoped(() => {
      const { binding } = backend();
      const ran: string[] = [];
      const executeOp = (name: string, ...rest: [never, never, never]) => {
        ran.push(name);
        return binding.executeOp(name, ...rest);
      };
      backend().binding = Object.create(binding, { executeOp: { value: executeOp } });
      try {
        const step: TreeStep = (state, { x }) => ({
          state,
          outputs: { y: tf.softmax(tf.matMul(x as tf.Tensor2D, tf.ones([3, 2]))) },
        });
        const captured = capture(step);
        const { y } = captured({}, { x: tf.ones([4, 3]) }).outputs;
        expect(y!.shape).toEqual([4, 2]);
        captured.dispose();
      } finally {
        backend().binding = binding;
      }
      expect(ran.filter((name) => !/^vlltr_step_/.test(name))).toEqual([]);
      expect(ran).toHaveLength(1);
    });
  });

  it('has gradients inside', () => {
    scoped(() => {
      const inputs = { x: tf.tensor2d([1, -2, 3, 4], [2, 2]), y: tf.tensor2d([1, 0], [2, 1]) };
      const w = tf.tensor2d([0.5, -1], [2, 1]);
      expectSame(
        (state, given) => {
          const { x, y } = given as typeof inputs;
          const { value, grad } = tf.valueAndGrad((now: tf.Tensor) => {
            const off = tf.sub(tf.matMul(x, now as tf.Tensor2D), y);
            return tf.sum(tf.square(off)) as tf.Scalar;
          })(state.w as tf.Tensor);
          return { state: { w: tf.sub(state.w as tf.Tensor, tf.mul(grad, 0.1)) }, outputs: { value } };
        },
        inputs,
        { w },
      );
    });
  });

  it('returns arguments, clones of them, outside tensors, constants and one tensor twice', () => {
    scoped(() => {
      const [x, w] = [tf.tensor1d([1, 2]), tf.tensor1d([7, 8])];
      const step: TreeStep = (state, { x, again }) => {
        const y = tf.neg(x as tf.Tensor);
        return {
          state,
          outputs: {
            ...{ x: x!, again: again!, clone: (x as tf.Tensor).clone(), w, wClone: w.clone(), wNegative: tf.neg(w) },
            ...{ constant: tf.tensor1d([5, 6]), same: y, twice: y, yClone: y.clone(), kept: tf.keep(tf.abs(y)) },
          },
        };
      };
      const { outputs: plain } = step({}, { x, again: x }) as { outputs: TensorMap };
      const captured = capture(step);
      for (let i = 0; i < 2; i++) {
        const { state, outputs } = captured({ s: x }, { x, again: x }) as { state: TensorMap; outputs: TensorMap };
        expect(values(outputs)).toEqual(values(plain));
        // As the step itself has it: an argument is that tensor, anything else is the caller's own.
        const { x: given, again, same, twice, ...others } = outputs;
        for (const argument of [state.s, given, again]) expect(argument).toBe(x);
        expect(same).toBe(twice);
        const own = new Set([same!, ...Object.values(others)]);
        expect(own.size).toBe(8);
        expect(own.has(x) || own.has(w)).toBe(false);
        tf.dispose([...own]);
        expect([x.isDisposed, w.isDisposed]).toEqual([false, false]);
      }
      captured.dispose();
      expect([...tf.add(x, w).dataSync()]).toEqual([8, 10]);
      plain.kept!.dispose();
    });
  });

  it('tells apart arguments that are one tensor, its clones and its reshaped views', () => {
    scoped(() => {
      const step = vi.fn<TreeStep>((state, { a, b }) => ({
        state,
        outputs: { a: a!, b: b!, sum: tf.add(tf.sum(a as tf.Tensor), tf.max(b as tf.Tensor)) },
      }));
      const captured = capture(step);
      const x = tf.tensor1d([1, 2, 3, 4]);
      const others = { itself: x, clone: x.clone(), view: x.reshape([2, 2]), other: tf.tensor1d([5, 6, 7, 8]) };
      for (const b of Object.values(others)) {
        const { outputs } = captured({}, { a: x, b }) as { outputs: TensorMap };
        expect(outputs.a).toBe(x);
        expect(outputs.b).toBe(b);
        expect(outputs.sum!.dataSync()[0]).toBe(10 + Math.max(...b.dataSync()));
      }
      expect(step).toHaveBeenCalledTimes(6); // twice for one tensor, twice for [2, 2], twice for two of [4]
      captured.dispose();
    });
  });

  it('gives tensors like any others, that outlive their arguments and the function', () => {
    const before = holdings();
    const captured = capture<TensorMap, TensorMap, TensorMap>((_, { x }) => ({
      state: {},
      outputs: { y: tf.mul(x!, 2), view: tf.reshape(x!, [3, 1]) },
    }));
    const x = tf.tensor1d([1, 2, 3]);
    const { y, view } = tf.tidy(() => captured({}, { x })).outputs as { y: tf.Tensor; view: tf.Tensor };
    captured.dispose();
    x.dispose();
    expect([...view.dataSync()]).toEqual([1, 2, 3]);
    expect(tf.tidy(() => [...tf.concat([y, y.clone().reshape([3])]).dataSync()])).toEqual([2, 4, 6, 2, 4, 6]);
    expect(
      tf.tidy(() => [
        ...tf
          .grad((t: tf.Tensor) => tf.mul(t, t))(y)
          .dataSync(),
      ]),
    ).toEqual([4, 8, 12]);
    tf.dispose([y, view]);
    expect(y.isDisposed).toBe(true);
    expect(holdings()).toEqual(before);
  });

  it('carries a state along, and one that grows', () => {
    scoped(() => {
      const step: TreeStep = ({ w, seen }, { x }) => ({
        state: {
          w: tf.sin(tf.add(w as tf.Tensor, x as tf.Tensor)),
          seen: tf.concat([seen as tf.Tensor, x as tf.Tensor]),
        },
        outputs: { n: tf.scalar((seen as tf.Tensor).shape[0]!) },
      });
      const captured = capture(step, { signatures: 3 });
      const start = (): TensorTree => ({ w: tf.scalar(0.3), seen: tf.zeros([0]) });
      let [plain, state] = [start(), start()];
      for (let i = 0; i < 12; i++) {
        const x = tf.tensor1d([i]);
        const [a, b] = [step(plain, { x }), captured(state, { x })];
        expect((b.outputs.n as tf.Tensor).dataSync()[0]).toBe(i);
        [plain, state] = [a.state, b.state];
        expect(values(state)).toEqual(values(plain));
      }
      captured.dispose();
    });
  });

  it('is part of another that calls it', () => {
    scoped(() => {
      const inner: CapturedStep<TensorMap, TensorMap, TensorMap> = capture((state, { x }) => ({
        state,
        outputs: { y: tf.square(x!) },
      }));
      const outer = capture<TensorMap, TensorMap, TensorMap>((state, { x }) => {
        const { y } = inner({}, { x: tf.add(x!, 1) }).outputs;
        inner.dispose(); // there is nothing to dispose: it was never captured
        return { state, outputs: { y: tf.neg(inner({}, { x: y! }).outputs.y!) } };
      });
      const x = tf.tensor1d([1, 2]);
      for (let i = 0; i < 2; i++) expect([...outer({}, { x }).outputs.y!.dataSync()]).toEqual([-16, -81]);
      expect([...inner({}, { x }).outputs.y!.dataSync()]).toEqual([1, 4]);
      for (let i = 0; i < 2; i++) expect([...outer({}, { x }).outputs.y!.dataSync()]).toEqual([-16, -81]);
      outer.dispose();
      inner.dispose();
    });
  });

  it('runs op by op under a gradient, which sees through it', () => {
    scoped(() => {
      const captured = capture<TensorMap, TensorMap, { y: tf.Tensor }>((state, { x }) => ({
        state,
        outputs: { y: tf.mul(x!, 3) },
      }));
      const x = tf.tensor1d([1, 2]);
      const f = (t: tf.Tensor) => tf.add(captured({}, { x: t }).outputs.y, tf.square(t)) as tf.Tensor;
      const before = tf.grad(f)(x);
      captured({}, { x });
      const through = tf.grad(f)(x);
      expect([...before.dataSync()]).toEqual([5, 7]);
      expect([...through.dataSync()]).toEqual([5, 7]);
      captured.dispose();
    });
  });

  it('may have nothing to give or take, and names of any kind', () => {
    scoped(() => {
      expectSame(() => ({ state: {}, outputs: {} }), {});
      expectSame((state) => ({ state, outputs: { c: tf.scalar(3), none: undefined as never } }), {
        absent: null as never,
      });
      const inputs = { 'a/b': tf.scalar(1), a: { b: tf.scalar(2), '~1': tf.scalar(3) }, '': tf.scalar(4) };
      expectSame((state, given) => {
        const { a, 'a/b': ab, '': none } = given as typeof inputs;
        return {
          state,
          outputs: { 'a/b': tf.neg(ab), a: { b: tf.neg(a.b), '~1': tf.neg(a['~1']) }, '': tf.neg(none) },
        };
      }, inputs);
    });
  });

  it('keeps a tensor from outside for itself, and may read it', () => {
    const before = holdings();
    const [w, mask] = tf.tidy(() => [tf.neg(tf.tensor1d([1, 2])), tf.neg(tf.tensor1d([-3]))]);
    const captured = capture<TensorMap, TensorMap, TensorMap>((state, { x }) => ({
      state,
      outputs: { y: tf.mul(tf.add(x!, w!), mask!.dataSync()[0]!), again: tf.add(x!, w!) },
    }));
    const x = tf.tensor1d([10, 10]);
    const run = () => tf.tidy(() => [...captured({}, { x }).outputs.y!.dataSync()]);
    expect(run()).toEqual([27, 24]);
    tf.dispose([w!, mask!]);
    expect(run()).toEqual([27, 24]);
    captured.dispose();
    x.dispose();
    expect(holdings()).toEqual(before);
  });
});
