// The kernels through Node-API on a card against the same calls on the CPU. `vl-ltr selftest` checks the kernels themselves.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelLater, loadAddon } from '../../bindings/load.js';
import { probeCards } from '../../lib/runtime/cards.js';

const { cards, why } = probeCards();
const lacking = cards.length === 0;

/** Deterministic values in [-scale, scale]. */
const values = (length: number, seed: number, scale = 1) =>
  Float32Array.from({ length }, (_, i) => scale * Math.sin(seed + i * 1.7));

function expectNear(found: Float32Array, expected: Float32Array, tolerance: number): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  expect(found.every(Number.isFinite)).toBe(true);
  expect(error / largest).toBeLessThan(tolerance);
}

describe.skipIf(lacking)(lacking ? `kernels on a card, skipped: ${why}` : 'kernels on a card', () => {
  const addon = lacking ? undefined! : loadAddon();
  beforeAll(() => addon.useDevice(-1));
  afterAll(() => addon.useDevice(-1));

  /** What `call` gives on the CPU and on the card. */
  function onBoth<T>(call: () => T): [T, T] {
    addon.useDevice(-1);
    const cpu = call();
    addon.useDevice(0);
    const card = call();
    addon.useDevice(-1);
    return [cpu, card];
  }

  it('AdamW, now and later', async () => {
    const size = 100_003;
    const step = (): Parameters<typeof addon.adamw> => {
      const grads = [values(50_001, 4), values(size - 50_001, 5)];
      const rules = Float32Array.of(0.1, 1, Infinity, 0, 1, 0.5);
      const outputs = [size, size, size, 1].map((length) => new Float32Array(length));
      const [params, m, v, norm] = outputs as [Float32Array, Float32Array, Float32Array, Float32Array];
      const second = values(size, 3).map(Math.abs);
      return [values(size, 1), values(size, 2), second, grads, rules, 0.01, 3, 0.9, 0.999, 1e-8, 1, params, m, v, norm];
    };
    const results = (given: unknown[]) => given.slice(11) as Float32Array[];
    const [cpu, card] = onBoth(() => {
      const given = step();
      addon.adamw(...given);
      return results(given);
    });
    card.forEach((array, i) => {
      expectNear(array, cpu[i]!, 1e-5);
    });
    addon.useDevice(0);
    const later = step();
    await kernelLater('adamw', ...later);
    addon.useDevice(-1);
    expect(results(later)).toEqual(card);
  });

  it('the attention to anchors, with a table of the card', () => {
    const [classes, perClass, width, batch] = [11, 5, 72, 9];
    const [cpu, card] = onBoth(() => {
      const counts = Int32Array.from({ length: classes }, (_, c) => 1 + (c % perClass));
      const table = addon.newAnchorTable(values(classes * perClass * width, 1), counts, perClass, width, false);
      const logits = new Float32Array(batch * classes);
      // Small, so that the scores are: exponentials of large ones multiply the rounding of either side.
      const weights = [values(width * width, 3, 0.02), values(width * width, 4, 0.02)] as const;
      const norms = [values(width, 5), values(width, 6), values(width, 7)] as const;
      addon.anchorAttentionForward(
        table,
        values(batch * width, 2),
        ...weights,
        ...norms,
        Float32Array.of(2),
        logits,
        new Float32Array(0),
      );
      addon.deleteAnchorTable(table);
      return logits;
    });
    expectNear(card, cpu, 1e-3);
  });
});
