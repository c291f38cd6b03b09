import { describe, expect, it } from 'vitest';
import { type TensorMap, tf } from '../../lib/runtime/tf.js';
import { adamwRules, MAX_LOGIT_SCALE } from '../../lib/training/adamw.js';
import { flatLayout, nameAt, pack, unpack } from '../../lib/training/flat.js';
import { onEveryBackend } from '../support/backends.js';

onEveryBackend(() => {
  describe('AdamW', () => {
    it('decays matrices only, and scalars on demand; bounds logit_scale; has rates by name', () => {
      const layout = flatLayout({
        w: tf.ones([1, 2]),
        'attn.in_proj_bias': tf.ones([2, 1]),
        n: tf.ones([2]),
        logit_scale: tf.scalar(1),
      });
      const columns = (options: Parameters<typeof adamwRules>[1]) => {
        const rules = adamwRules(layout, options);
        return [rules.map((r) => r.weightDecay), rules.map((r) => r.rate), rules.map((r) => r.upperBound)];
      };
      expect(columns({ weightDecay: 0.05 })).toEqual([
        [0.05, 0, 0, 0],
        [1, 1, 1, 1],
        [Infinity, Infinity, Infinity, MAX_LOGIT_SCALE],
      ]);
      const lrFactor = (name: string) => (name === 'n' ? 0.1 : 1);
      expect(columns({ weightDecay: 0.2, decayScalars: true, freeLogitScale: true, lrFactor })).toEqual([
        [0.2, 0, 0, 0.2],
        [1, 1, 0.1, 1],
        [Infinity, Infinity, Infinity, Infinity],
      ]);
    });
  });

  describe('flat layout', () => {
    it.each([
      ['one parameter', ['a']],
      ['several', ['a', 'b', 'c']],
    ])('packs, unpacks and differentiates %s', (_, names) => {
      const all: TensorMap = { a: tf.tensor2d([[1, 2]]), b: tf.scalar(3), c: tf.tensor1d([4, 5]) };
      const layout = flatLayout(all, names);
      const flat = pack(layout, all);
      const back = unpack(layout, flat);
      for (const name of names) {
        expect(back[name]!.shape).toEqual(all[name]!.shape);
        expect([...back[name]!.dataSync()]).toEqual([...all[name]!.dataSync()]);
      }
      // b is not used by the loss: its gradient is zero, not an error.
      const grad = tf.grad((x) =>
        unpack(layout, x as tf.Tensor1D)
          .a!.square()
          .sum(),
      )(flat);
      expect([...grad.dataSync()]).toEqual(names.length === 1 ? [2, 4] : [2, 4, 0, 0, 0]);
      expect(nameAt(layout, layout.size - 1)).toBe(names.at(-1));
      expect(nameAt(layout, 1)).toBe('a');
    });

    it('unpacks parameters of aligned and of odd sizes, in whatever order', () => {
      tf.tidy(() => {
        for (const sizes of [[16, 32], [1, 16, 16], [16, 16, 1, 15, 16, 32], [32, 3], [5], [48, 16, 2, 16]]) {
          const all = Object.fromEntries(sizes.map((n, i) => [`p${i}`, tf.range(100 * i, 100 * i + n)]));
          const layout = flatLayout(all);
          const found = unpack(layout, pack(layout, all));
          for (const name of layout.names) expect([...found[name]!.dataSync()]).toEqual([...all[name]!.dataSync()]);
        }
      });
    });

    it('names what does not fit', () => {
      const layout = flatLayout({ w: tf.ones([2]) });
      expect(() => flatLayout({ w: tf.ones([2], 'int32') })).toThrow(/'w' is int32/);
      expect(() => flatLayout({}, ['x'])).toThrow(/no parameter 'x'/);
      expect(() => pack(layout, { w: tf.ones([3]) })).toThrow(/'w' is \[3\]; expected \[2\]/);
      expect(() => unpack(layout, tf.ones([3]))).toThrow(/3 elements, not 2/);
    });
  });
});
