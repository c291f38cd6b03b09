import { describe, expect, it } from 'vitest';
import { philox, random } from '../../lib/random.js';

describe('random', () => {
  it('gives the published Philox4x32-10 vectors', () => {
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    expect(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ]);
  });

  it('is a function of seed, stream and step', () => {
    const draw = (seed: number, stream: string | number, step: number) => {
      const r = random(seed, stream, step);
      return [r.bits(), r.bits(), r.bits(), r.bits(), r.bits()];
    };
    expect(draw(1, 'a', 2)).toEqual(draw(1, 'a', 2));
    const others = [draw(2, 'a', 2), draw(1, 'b', 2), draw(1, 'a', 3), draw(1 + 2 ** 40, 'a', 2), draw(-1, 'a', 2)];
    others.push(draw(1, 'a', 2 + 2 ** 33), draw(1, 1, 2), draw(1, '1', 2), draw(1, 'a', 2));
    expect(new Set(others.map(String)).size).toBe(others.length);
  });

  it('has the moments of its distributions', () => {
    const r = random(5, 'moments', 0);
    const n = 40000;
    let uniform = 0;
    let first = 0;
    let second = 0;
    const counts = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      uniform += r.uniform() / n;
      const z = r.normal();
      first += z / n;
      second += (z * z) / n;
      counts[r.int(3)]!++;
    }
    expect(Math.abs(uniform - 0.5)).toBeLessThan(0.006);
    expect(Math.abs(first)).toBeLessThan(0.02);
    expect(Math.abs(second - 1)).toBeLessThan(0.03);
    for (const count of counts) expect(Math.abs(count / n - 1 / 3)).toBeLessThan(0.01);
  });

  it('refuses what it cannot key', () => {
    expect(() => random(0.5, 'a', 0)).toThrow(/seed/);
    expect(() => random(1, 'a', -1)).toThrow(/step/);
    expect(() => random(1, 'a', 0).int(0)).toThrow(/int/);
  });
});
