import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../bindings/load.js';
import { random } from '../../lib/random.js';
import { eraseBox, fillNoise } from '../../lib/training/erasing.js';
import { normalise } from '../../lib/training/normalise.js';
import { applyOperation, OPERATIONS } from '../../lib/training/randAugment.js';
import { waves } from '../support/waves.js';

const native = loadAddon();

/** Views of photographs, of noise and of one colour. */
function views(size: number): [string, Uint8ClampedArray][] {
  const draw = random(size, 'views');
  const noise = Uint8ClampedArray.from({ length: size * size * 3 }, () => draw.int(256));
  return [
    ['waves', Uint8ClampedArray.from(waves(size, size).data)],
    ['noise', noise],
    ['black and white', noise.map((v) => (v < 128 ? 0 : 255))],
    ['one colour', noise.map((_, i) => [7, 255, 130][i % 3]!)],
  ];
}

describe('the addon and TypeScript give the same bits', () => {
  it.each(Object.keys(OPERATIONS))('of %s', (name) => {
    const draw = random(0, name);
    for (const size of [1, 2, 3, 4, 5, 17, 32, 61])
      for (const [what, view] of views(size)) {
        const kept = Buffer.from(view);
        for (const magnitude of [0, 10, 9, 10 * draw.uniform(), 10 * draw.uniform()])
          for (const sign of [1, -1]) {
            const want = applyOperation(name, view, size, magnitude, sign, null);
            const got = applyOperation(name, view, size, magnitude, sign, native);
            const at = `${what}, ${size}, ${magnitude}, ${sign}`;
            expect(Buffer.compare(Buffer.from(got), Buffer.from(want)), at).toBe(0);
            expect(Buffer.compare(Buffer.from(view), kept)).toBe(0);
          }
      }
  });

  it('of normalised views', () => {
    for (const size of [1, 3, 16])
      for (const [, view] of views(size)) {
        const [want, got] = [new Float32Array(view.length + 5), new Float32Array(view.length + 5)];
        normalise(view, want, 2, null);
        normalise(view, got, 2, native);
        expect(got).toEqual(want);
        expect([...got.subarray(0, 2), ...got.subarray(view.length + 2)]).toEqual([0, 0, 0, 0, 0]);
      }
  });

  it('of noise, and leave what lies outside of its box', () => {
    const draw = random(0, 'noise');
    for (const size of [1, 2, 7, 32])
      for (let k = 0; k < 20; k++) {
        const [left, top] = [draw.int(size), draw.int(size)];
        const box = { left, top, width: 1 + draw.int(size - left), height: 1 + draw.int(size - top) };
        const key = [draw.bits(), draw.bits()] as const;
        const [want, got] = [0, 1].map(() => new Float32Array(size * size * 3).fill(9));
        fillNoise(want!, size, box, key, null);
        fillNoise(got!, size, box, key, native);
        expect(got).toEqual(want);
        expect(got!.filter((v) => v !== 9).length).toBe(box.width * box.height * 3);
      }
  });
});

describe('noise', () => {
  it('is standard normal', () => {
    const size = 256;
    const view = new Float32Array(size * size * 3);
    fillNoise(view, size, { left: 0, top: 0, width: size, height: size }, [1, 2]);
    const n = view.length;
    const moment = (power: number): number => view.reduce((sum, v) => sum + v ** power, 0) / n;
    // Within five standard errors, √(E v²ᵖ / n).
    for (const [power, want, square] of [
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ] as const)
      expect(Math.abs(moment(power) - want), `moment ${power}`).toBeLessThan(5 * Math.sqrt(square / n));
    const below = (x: number): number => view.reduce((count, v) => count + Number(v < x), 0) / n;
    // Φ
    for (const [x, share] of [
      [-3, 0.0013499],
      [-2, 0.0227501],
      [-1, 0.1586553],
      [-0.5, 0.3085375],
      [0, 0.5],
      [0.25, 0.5987063],
      [1.5, 0.9331928],
      [2.5, 0.9937903],
    ] as const)
      expect(Math.abs(below(x) - share), `share below ${x}`).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / n));
    // Neighbours, which come in pairs of one radius, are not correlated, nor are their squares.
    for (const apart of [1, 2, 3, 8]) {
      let [product, squares] = [0, 0];
      for (let i = 0; i + apart < n; i++) {
        product += view[i]! * view[i + apart]!;
        squares += (view[i]! ** 2 - 1) * (view[i + apart]! ** 2 - 1);
      }
      expect(Math.abs(product / n)).toBeLessThan(5 / Math.sqrt(n));
      expect(Math.abs(squares / n)).toBeLessThan(5 * (2 / Math.sqrt(n)));
    }
  });

  it('covers 2 to 33 % of a view', () => {
    for (let step = 0; step < 200; step++) {
      const view = new Float32Array(32 * 32 * 3).fill(9);
      eraseBox(view, 32, random(3, 'erase', step));
      const share = view.filter((v) => v !== 9).length / view.length;
      expect(share).toBeGreaterThan(0.01);
      expect(share).toBeLessThan(0.36);
    }
    const single = new Float32Array(3).fill(9);
    for (let step = 0; step < 20; step++) eraseBox(single, 1, random(3, 'erase', step));
    expect([...single]).toEqual([9, 9, 9]);
  });
});

describe('the addon refuses', () => {
  const size = 4;
  const bytes = () => new Uint8ClampedArray(size * size * 3);
  const fill = new Uint8Array(3);
  const refused = (call: () => void, message: RegExp) =>
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_NATIVE', message: expect.stringMatching(message) }));

  it('arrays of another type or length, by name', () => {
    refused(() => native.blendView(bytes(), 5, false, 1, bytes()), /blendView: pixels is 48 bytes long, expected 75/);
    refused(() => native.blendView(bytes(), size, false, 1, bytes().subarray(1)), /out is 47 bytes long, expected 48/);
    refused(() => native.countView(new Uint8Array(4), new Int32Array(1024)), /pixels is 4 bytes long, expected whole/);
    refused(() => native.countView(bytes(), new Int32Array(768)), /counts is 768 values long, expected 1024/);
    refused(() => native.mapView(bytes(), new Uint8Array(256), bytes()), /tables is 256 bytes long, expected 768/);
    refused(() => native.slideView(bytes(), size, 0, 0, true, new Uint8Array(4), bytes()), /fill is 4 bytes/);
    refused(() => native.normaliseView(bytes(), new Float32Array(768), new Float32Array(47)), /out is 47 values/);
    const given = [new Float32Array(47), size, 0, 0, 1, 1, 0, 0, new Float32Array(2 ** 14), new Float32Array(2 ** 12)];
    refused(() => native.fillNoise(...(given as Parameters<typeof native.fillNoise>)), /view is 47 values long/);
  });

  it('views that overlap, and numbers out of range', () => {
    const view = bytes();
    refused(() => native.blendView(view, size, true, 1, view), /overlap/);
    refused(() => native.blendView(bytes(), size, true, Number.NaN, bytes()), /factor is nan/);
    refused(() => native.slideView(bytes(), size, 1e9, 0, true, fill, bytes()), /slope is 1000000000/);
    refused(() => native.affineView(bytes(), size, 1, 0, 0, 0, Infinity, 0, fill, bytes()), /coefficient is inf/);
    refused(() => native.affineView(new Uint8Array(0), 0, 1, 0, 0, 0, 1, 0, fill, new Uint8Array(0)), /size is 0/);
    const noise = (left: number, width: number, key: number) =>
      native.fillNoise(
        new Float32Array(48),
        size,
        left,
        0,
        width,
        1,
        key,
        0,
        new Float32Array(2 ** 14),
        new Float32Array(2 ** 12),
      );
    refused(() => noise(2, 3, 0), /box lies outside/);
    refused(() => noise(-1, 1, 0), /box lies outside/);
    refused(() => noise(0, 1, -1), /key0 is -1/);
    refused(() => noise(0, 1, 2 ** 32), /key0 is 4294967296/);
  });
});
