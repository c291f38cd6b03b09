import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kernelTables } from '../../bench/all/readme.js';
import { resultsOf, slugOf } from '../../bench/all/results.js';
import { problemOf as attention, workOf as attentionWork } from '../../bench/anchorAttention/problem.js';
import { problemOf as product, workOf as productWork } from '../../bench/gemm/problem.js';
import { lengthsOf, problemOf as optimiser, workOf as optimiserWork, vectors } from '../../bench/optimizer/problem.js';
import { normals } from '../../bench/support/arrays.js';
import { bestOf, errorOf, figuresOf, floorOf, memoryOf, type Peak } from '../../bench/support/figures.js';
import { chosen, positive, sizeOf } from '../../bench/support/options.js';
import { bytesOf } from '../../lib/bytes.js';

const peak: Peak = { isa: 'avx2', threads: 2, fp32: 100e9, bf16: 200e9, copy: 10e9 };

describe('figures of a benchmark', () => {
  const ran = (seconds: number[], peak = 1500) => ({ seconds, memory: { before: 1000, peak } });

  it('leaves out the first pass of a turn where there are more, and takes medians', () => {
    const figures = figuresOf([ran([9, 1]), ran([9, 3]), ran([2])], { flops: 50e9, bytes: 1 }, 'fp32', peak);
    expect(figures).toEqual({ median: 2, min: 1, max: 3, count: 3, rate: 25e9, share: 0.25, shareAtBest: 0.5 });
    const bare = figuresOf([{ seconds: [1] }], { flops: 0, bytes: 1 }, 'fp32');
    expect(bare).toMatchObject({ rate: undefined, share: undefined, shareAtBest: undefined });
  });

  it('takes the memory of first passes, of an allocator that keeps it too, but not of a compiler', () => {
    const first = (before: number, peak: number) => ({ parts: [1], memory: { before, peak } });
    const prepared = { forward: first(500, 900), both: first(900, 1700) };
    const turns = [ran([1], 1200), ran([1], 1100), ran([1], 1300)];
    expect(memoryOf('forward', prepared, turns, false)).toBe(400);
    expect(memoryOf('both', prepared, turns, false)).toBe(1200);
    expect(memoryOf('both', prepared, turns, true)).toBe(200);
    expect(memoryOf('both', prepared, [{ seconds: [1] }], false)).toBeUndefined();
  });

  it('takes the best of each peak', () => {
    expect(bestOf(peak, { ...peak, fp32: 1, copy: 20e9 })).toEqual({ ...peak, copy: 20e9 });
  });

  it('has a floor of arithmetic or of memory, whichever takes longer', () => {
    expect(floorOf({ flops: 100e9, bytes: 1e9 }, 'fp32', peak)).toEqual({ seconds: 1, limit: 'arithmetic' });
    expect(floorOf({ flops: 100e9, bytes: 8e9 }, 'bf16', peak)).toEqual({ seconds: 0.8, limit: 'memory' });
  });

  it('compares parts by themselves and gives the worst', () => {
    const exact = Float32Array.of(1000, 0, 1, 0);
    expect(errorOf(Float32Array.of(1000, 0, 1, 0.5), exact, [2, 2])).toBeCloseTo(0.5);
    expect(errorOf(Float32Array.of(1000, 0, Number.NaN, 0), exact, [2, 2])).toBeNaN();
    expect(() => errorOf(Float32Array.of(1), exact, [2, 2])).toThrow('1 results');
  });
});

describe('options of a benchmark', () => {
  it('names what it does not know', () => {
    const all = ['a', 'b', 'c'];
    expect(chosen('--only', 'c,a', all, (x) => x)).toEqual(['a', 'c']);
    expect(chosen('--only', undefined, all, (x) => x)).toEqual(all);
    expect(() => chosen('--only', 'a,d', all, (x) => x)).toThrow("--only is 'a,d': 'd' is none of a, b, c");
    expect(positive('--repeats', '3')).toBe(3);
    for (const bad of ['0', '1.5', '', 'x']) expect(() => positive('--repeats', bad)).toThrow('--repeats');
  });

  it('reads sizes', () => {
    expect(sizeOf('20x30', 'BxD')).toEqual([20, 30]);
    for (const bad of ['20', '20x30x40', '0x3', '2 x3', '-1x2']) {
      expect(() => sizeOf(bad, 'BxD')).toThrow(`'${bad}', expected BxD`);
    }
    expect(() => optimiser('RN51')).toThrow("'RN51', expected one of RN50");
  });
});

describe('problems of a benchmark', () => {
  it('count what cannot be saved', () => {
    expect(productWork(product('2x3x5')).product).toEqual({ flops: 60, bytes: 4 * (10 + 15 + 6) });
    const { forward, both } = attentionWork(attention('1000x64x1024x128'));
    expect(forward!.flops).toBe(4 * 128 * 1000 * 64 * 1024);
    expect(both!.flops).toBe(2 * forward!.flops);
    const rn50 = optimiser('RN50');
    expect(optimiserWork(rn50).step!.bytes).toBe(28 * lengthsOf(rn50).reduce((a, b) => a + b));
  });

  it('have values that go on and round', () => {
    const whole = normals(1)(3_000_000);
    const take = normals(1);
    const [a, b] = [take(1_000_000), take(2_000_000)];
    expect(Buffer.compare(bytesOf(a), bytesOf(whole.subarray(0, a.length)))).toBe(0);
    expect(Buffer.compare(bytesOf(b), bytesOf(whole.subarray(a.length)))).toBe(0);
    const pool = Float32Array.from({ length: 4000 }, (_, i) => i);
    const { params, grad } = vectors(pool, 9000);
    expect(params[4001]).toBeCloseTo(0.02);
    expect(grad[1001]).toBeCloseTo(1e-3);
  });
});

describe('results of the benchmarks', () => {
  it('are named after processor and instruction set', () => {
    expect(slugOf('AMD EPYC', 'avx2')).toBe('amd-epyc-avx2');
    expect(slugOf('AMD EPYC 9B45 96-Core Processor', 'avx512bf16')).toBe('amd-epyc-9b45-avx512bf16');
    expect(slugOf('Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz', 'avx512')).toBe('intel-xeon-platinum-8481c-avx512');
    expect(slugOf('', 'generic')).toBe('unknown-generic');
  });

  it('are kept of the benchmarks that are not run again, unless another machine had them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vlltr-bench-'));
    try {
      const machine = { processor: 'P', isa: 'avx2', threads: 2, memory: 8 };
      const file = join(folder, 'p.json');
      expect((await resultsOf(file, machine)).benches).toEqual({});
      const gemm = { commands: ['npm run bench -- --benches gemm'], bench: 'gemm' };
      writeFileSync(file, JSON.stringify({ machine, unit: 's', benches: { gemm } }));
      expect((await resultsOf(file, { ...machine, memory: 16 })).benches).toEqual({ gemm });
      expect((await resultsOf(file, { ...machine, threads: 4 })).benches).toEqual({});
      writeFileSync(file, '{');
      await expect(resultsOf(file, machine)).rejects.toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("become the README's table, with PyTorch's fastest form", () => {
    const figures = (median: number) => ({ median, min: median, max: median, count: 1 });
    const modes = {
      both: {
        ours: { ...figures(0.1), share: 0.5, shareAtBest: 0.6, error: 2e-6, memory: 2 ** 21 },
        formula: figures(2),
        algebra: figures(0.42),
      },
    };
    const size = { size: '10x2x4x8', work: {}, contenders: {}, failures: {}, modes };
    const machine = { processor: '', cores: 2, node: '' };
    const table = kernelTables([{ bench: 'anchor-attention', machine, repeats: 1, sizes: [size] }]);
    expect(table[2]!.split(/ *\| */).join()).toBe(
      ',anchor-attention 10x2x4x8,100,50 %,60 %,2e-6,2,,,,,4.2× (algebra),,,',
    );
  });
});
