import { expect } from 'vitest';
import { tf } from '../../lib/runtime/tf.js';

/** Numbers as the reference files hold them: nested lists, null for −Infinity. */
export type Numbers = number | null | Numbers[];

function flat(values: Numbers): number[] {
  return Array.isArray(values) ? values.flatMap(flat) : [values ?? -Infinity];
}

/** Largest |actual − expected| over the largest finite |expected| or `scale`; −Infinity must be met exactly. */
export function relativeError(actual: ArrayLike<number>, expected: Numbers, scale = 0): number {
  const wanted = flat(expected);
  if (actual.length !== wanted.length) return Infinity;
  let largest = scale;
  let error = 0;
  wanted.forEach((w, i) => {
    if (!Number.isFinite(w)) {
      if (!Object.is(actual[i], w)) error = Infinity;
      return;
    }
    largest = Math.max(largest, Math.abs(w));
    const difference = Math.abs(actual[i]! - w);
    error = Number.isNaN(difference) ? Infinity : Math.max(error, difference);
  });
  return error === 0 ? 0 : error / Math.max(largest, Number.MIN_VALUE);
}

/**
 * The tensor has the expected numbers, up to `tolerance` times the largest of them or times `scale`, if that is larger:
 * what rounding can reach where the numbers themselves cancel to about 0.
 */
export function expectNear(actual: tf.Tensor, expected: Numbers, tolerance: number, scale = 0): void {
  const error = relativeError(actual.dataSync(), expected, scale);
  expect(error, `relative error of [${actual.shape}]`).toBeLessThanOrEqual(tolerance);
}

/** Runs `use`; no tensor and no memory may stay behind that was not there before. */
export function expectNoLeak(use: () => void): void {
  use(); // a backend may keep something of its first use
  const before = tf.memory();
  use();
  const after = tf.memory();
  expect(after.numTensors).toBe(before.numTensors);
  expect(after.numDataBuffers).toBe(before.numDataBuffers);
}

/** Runs `use`; no tensor's values may be read meanwhile, so that a captured step can hold what it does. */
export function expectNoReading(use: () => void): void {
  const backend = tf.backend() as unknown as Record<string, unknown>;
  const reading = ['readSync', 'read'] as const;
  const own = reading.map((name) => Object.getOwnPropertyDescriptor(backend, name));
  let reads = 0;
  const engine = tf.engine() as unknown as { readSync: (id: unknown) => unknown };
  const original = engine.readSync;
  engine.readSync = function (this: unknown, id: unknown) {
    reads++;
    return original.call(this, id);
  };
  if (tf.getBackend() === 'tensorflow') {
    for (const name of reading) {
      const plain = (backend[name] as (id: unknown) => unknown).bind(backend);
      backend[name] = (id: unknown) => {
        reads++;
        return plain(id);
      };
    }
  }
  try {
    use();
  } finally {
    engine.readSync = original;
    reading.forEach((name, i) => {
      if (own[i]) Object.defineProperty(backend, name, own[i]);
      else delete backend[name];
    });
  }
  expect(reads).toBe(0);
}
