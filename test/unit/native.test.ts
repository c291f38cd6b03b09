import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
// @ts-expect-error plain JavaScript without types
import { checkContract, contract, declared, differences } from '../../bindings/check-contract.mjs';
import { addonCandidates, loadAddon, loadFrom } from '../../bindings/load.js';
import { addonPath } from '../support/addon.js';
import { growth } from '../support/memory.js';

const arrays = (rows = 3, width = 5) => ({
  x: Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i)),
  gamma: new Float32Array(width).fill(1),
  beta: new Float32Array(width),
  y: new Float32Array(rows * width),
  mean: new Float32Array(rows),
  rstd: new Float32Array(rows),
});
type Arrays = ReturnType<typeof arrays>;

const forward = ({ x, gamma, beta, y, mean, rstd }: Arrays, epsilon = 1e-5) =>
  loadAddon().layerNormForward(x, gamma, beta, epsilon, y, mean, rstd);

const native = (message: RegExp) =>
  expect.objectContaining({ name: 'VlltrError', code: 'ERR_NATIVE', message: expect.stringMatching(message) });

/** What plain Node prints with the addon at `addon`, under these environment variables. */
const inChild = (code: string, env: Record<string, string>) =>
  spawnSync(process.execPath, ['-e', `const addon = require(${JSON.stringify(addonPath())}); ${code}`], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });

it('has the contract that addon.ts states', () => {
  expect(checkContract()).toEqual([]);
  expect(Object.keys(loadAddon()).sort()).toEqual([...declared(contract()).keys()].sort());
});

it('finds differences between the two sides of the contract', () => {
  const typescript =
    "interface Addon {\n  a(x: number, y: number): void;\n  b(): void;\n}\nTENSORFLOW_OPS = ['VlltrA']";
  const addon = 'kMethods[] = {\n {"a", 1, true, a},\n {"c", 0, true, c},\n};';
  expect(differences(typescript, addon, '{"VlltrB",')).toEqual([
    'a: 2 parameters in addon.ts, 1 in addon.cc',
    'b: in addon.ts, not in addon.cc',
    'c: in addon.cc, not in addon.ts',
    'VlltrA: in TENSORFLOW_OPS, not in tensorflow/',
    'VlltrB: in tensorflow/, not in TENSORFLOW_OPS',
  ]);
});

it('refuses wrong types, lengths, counts and overlaps, and writes nothing', () => {
  const refused = (message: RegExp, change: (a: Arrays) => Partial<Record<keyof Arrays, unknown>>) => {
    const good = arrays();
    expect(() => forward({ ...good, ...change(good) } as Arrays)).toThrow(native(message));
    expect(good.mean).toEqual(new Float32Array(3));
  };
  refused(/gamma is a Float64Array, expected a Float32Array/, () => ({ gamma: new Float64Array(5) }));
  refused(/x is an object/, () => ({ x: [1, 2, 3] }));
  refused(/beta is undefined/, () => ({ beta: undefined }));
  refused(/y is null/, () => ({ y: null }));
  refused(/x is 14 values long, expected 15/, ({ x }) => ({ x: x.subarray(1) }));
  refused(/rstd is 2 values long, expected 3/, () => ({ rstd: new Float32Array(2) }));
  refused(/expected \[rows >= 0, width >= 1\]/, () => ({
    gamma: new Float32Array(0),
    beta: new Float32Array(0),
    x: new Float32Array(0),
    y: new Float32Array(0),
  }));
  refused(/y overlaps x/, ({ x }) => ({ y: x }));
  refused(/rstd overlaps mean|mean overlaps rstd/, ({ mean }) => ({ rstd: mean }));
  refused(/y overlaps x/, () => {
    const shared = new Float32Array(29);
    return { x: shared.subarray(0, 15), y: shared.subarray(14) };
  });
  expect(() => forward(arrays(), 'a' as unknown as number)).toThrow(native(/epsilon is a string, expected a number/));
  expect(() => forward(arrays(), Number.NaN)).toThrow(native(/epsilon/));
  expect(() => (loadAddon().layerNormForward as (...a: unknown[]) => void)()).toThrow(native(/got 0 arguments/));
  forward(arrays()); // and goes on working
});

it('takes neighbouring views on one buffer', () => {
  const { x, gamma, beta, ...apart } = arrays();
  forward({ x, gamma, beta, ...apart });
  const shared = new Float32Array(15 + 15 + 3 + 3);
  const views = { y: shared.subarray(1, 16), mean: shared.subarray(16, 19), rstd: shared.subarray(19, 22) };
  forward({ x, gamma, beta, ...views });
  expect(views.y).toEqual(apart.y);
  expect(shared[0]).toBe(0);
});

it('takes a detached buffer for an empty one', () => {
  const detached = arrays();
  structuredClone(detached.y.buffer, { transfer: [detached.y.buffer] });
  expect(() => forward(detached)).toThrow(native(/y is 0 values long, expected 15/));
});

it('runs the instruction set that VLLTR_ISA names, or none', () => {
  for (const isa of loadAddon().info().available) {
    expect(inChild('process.stdout.write(addon.info().isa)', { VLLTR_ISA: isa }).stdout).toBe(isa);
  }
  const report = 'try { addon.info() } catch (error) { process.stdout.write(error.message) }';
  expect(inChild(report, { VLLTR_ISA: 'sse9' }).stdout).toMatch(/VLLTR_ISA is "sse9", expected one of: .*generic/);
  expect(inChild(report, { VLLTR_THREADS: 'many' }).stdout).toMatch(/VLLTR_THREADS is "many", expected a number/);
});

it('gives the same bits for any number of threads', () => {
  const code = `
    const rows = 3000, width = 65, f = (n, s) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * s));
    const x = f(rows * width, 0.37), dy = f(rows * width, 0.71), gamma = f(width, 1), beta = f(width, 2);
    const [y, dx] = [new Float32Array(x.length), new Float32Array(x.length)];
    const [mean, rstd] = [new Float32Array(rows), new Float32Array(rows)];
    const [dgamma, dbeta] = [new Float32Array(width), new Float32Array(width)];
    addon.layerNormForward(x, gamma, beta, 1e-5, y, mean, rstd);
    addon.layerNormBackward(dy, x, gamma, mean, rstd, dx, dgamma, dbeta);
    const hash = require('node:crypto').createHash('sha256');
    for (const array of [y, dx, dgamma, dbeta]) hash.update(array);
    process.stdout.write(addon.info().threads + ' ' + hash.digest('hex'));`;
  const hashes = ['1', '2', '5'].map((threads) => {
    const [count, hash] = inChild(code, { VLLTR_THREADS: threads }).stdout.split(' ');
    expect(count).toBe(threads);
    return hash;
  });
  expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(new Set(hashes).size).toBe(1);
});

it('names every cause and what helps when it cannot be loaded', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vl-ltr-'));
  try {
    const broken = join(folder, 'broken.node');
    writeFileSync(broken, 'not a library');
    const missing = join(folder, 'missing.node');
    expect(() => loadFrom([missing, broken])).toThrow(
      native(/^[^\n]*npm run build:native[^\n]*tfjs\.\nTried:[\s\S]*missing\.node: there is no such/),
    );
    expect(() => loadFrom([missing, broken])).toThrow(native(/broken\.node: /));
    expect(loadFrom([missing, broken, addonPath()]).info().threads).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(addonCandidates().length).toBeGreaterThan(0);
});

it('needs nothing but the C library and its mathematics', () => {
  if (process.platform !== 'linux') return;
  const needed = [...execFileSync('ldd', [addonPath()], { encoding: 'utf8' }).matchAll(/^\s*(\S+)/gm)]
    .map(([, name]) => name!.replace(/^.*\//, ''))
    .filter((name) => !/^(linux-vdso|ld-linux|ld-musl)/.test(name));
  expect(needed.filter((name) => !/^lib(c|m)\.so\.6$/.test(name))).toEqual([]);
});

it('keeps memory flat over thousands of calls, refused ones too', () => {
  const good = arrays(64, 128);
  const bad = { ...good, y: good.x };
  const use = () => {
    for (let i = 0; i < 1500; i++) {
      forward(good);
      if (i % 4 === 0) expect(() => forward(bad)).toThrow();
    }
  };
  use();
  expect(growth(use)).toBeLessThan(6 * 2 ** 20);
});
