import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Isa } from '../../bindings/addon.js';
import type { SelftestReport } from '../../bindings/cuda.js';
import { loadAddon } from '../../bindings/load.js';
import { run } from '../../lib/cli/actions/selftest.js';
import { gpuPresent } from '../../lib/runtime/hardware.js';
import { checkProcessor } from '../../lib/runtime/processorChecks.js';
import { cli } from '../support/cli.js';

const card = { name: 'A card', capability: '9.0', memory: 2 ** 36, driver: '13.0' };

/** An addon whose checks of `broken` fail. */
const fake = (broken = '') => ({
  cuda: () => ({ built: true, cards: [card], checked: ['adamw', 'contrastive'] }),
  info: () => ({
    isa: 'avx2' as const,
    available: ['avx2' as const, 'generic' as const],
    checked: ['adamw', 'contrastive'],
    threads: 2,
    jpeg: '',
    calls: 0,
  }),
  selftest: vi.fn(async (_device: number, op: string, seed: number, bench: boolean) => {
    const failures = op === broken ? ['|g|: error 1.00e+00, allowed 1.00e-07'] : [];
    const timing = { op, size: '90M', precision: 'fp32', milliseconds: 2, flops: 4e12, bytes: 6e9, workspace: 2 ** 20 };
    const timings = bench ? [timing] : [];
    const ops = [{ name: op, passed: 7, failed: failures.length, seconds: 0.25, failures, timings }];
    return JSON.stringify({ ok: failures.length === 0, seed, card, ops });
  }),
});

const said = { out: '', err: '' };
const hear = (stream: 'stdout' | 'stderr', into: 'out' | 'err') =>
  vi.spyOn(process[stream], 'write').mockImplementation((text) => {
    said[into] += String(text);
    return true;
  });
const listen = () => {
  said.out = '';
  said.err = '';
  hear('stdout', 'out');
  hear('stderr', 'err');
};
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
});

it('checks every op on the card, prints timings and writes the report', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vl-ltr-selftest-'));
  try {
    const addon = fake();
    listen();
    await run({ device: 'auto', card: 1, seed: 5, bench: true, json: join(folder, 'report.json') }, undefined, addon);
    expect(addon.selftest.mock.calls).toEqual([
      [1, 'adamw', 5, true],
      [1, 'contrastive', 5, true],
    ]);
    expect(said.err).toMatch(
      /A card \(64 GiB, compute capability 9\.0[\s\S]*contrastive: 7 checks, all hold \(0\.3 s\)/,
    );
    expect(said.out).toMatch(/adamw 90M fp32\s+2\.000\s+2000\.0\s+3000\.0\s+1\.0/);
    expect(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')).ops).toHaveLength(2);
    expect(process.exitCode).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('fails with what each failed check said', async () => {
  listen();
  await run({ device: 'auto', card: 0 }, undefined, fake('contrastive'));
  expect(said.err).toMatch(/failed.* \|g\|: error[\s\S]*contrastive: 8 checks, .*1 failed/);
  expect(process.exitCode).toBe(1);
});

describe('of the processor', () => {
  const report = (isa: Isa, op: string, failures: string[] = []): SelftestReport => ({
    ok: failures.length === 0,
    seed: 5,
    processor: { isa, threads: 2 },
    ops: [{ name: op, passed: 3, failed: failures.length, seconds: 0.1, failures, timings: [] }],
  });

  it('goes through every instruction set, and fails where a check does or a process crashes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vl-ltr-selftest-'));
    try {
      const json = join(folder, 'report.json');
      vi.stubEnv('VLLTR_ISA', '');
      const ofProcessor = vi.fn(async (isa: Isa, op: string) => {
        if (isa === 'avx2') return report(isa, op);
        return op === 'adamw' ? report(isa, op, ['v: error 1, allowed 0']) : 'the process ended with SIGILL';
      });
      listen();
      await run({ device: 'cpu', card: 0, seed: 5, json }, undefined, fake(), ofProcessor);
      expect(ofProcessor.mock.calls).toEqual([
        ['avx2', 'adamw', 5],
        ['avx2', 'contrastive', 5],
        ['generic', 'adamw', 5],
        ['generic', 'contrastive', 5],
      ]);
      expect(said.err).toMatch(/avx2 adamw: 3 checks, .*all hold/);
      expect(said.err).toMatch(/failed.* v: error 1[\s\S]*generic adamw: 4 checks, .*1 failed/);
      expect(said.err).toMatch(/generic contrastive: .*failed.*: the process ended with SIGILL/);
      expect(process.exitCode).toBe(1);
      const { ok, isas } = JSON.parse(readFileSync(json, 'utf8'));
      expect(ok).toBe(false);
      expect(isas.map(({ isa }: { isa: Isa }) => isa)).toEqual(['avx2', 'generic']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('checks the kernels that are installed', async () => {
    const { available, checked } = loadAddon().info();
    const seed = ['--seed', '20221023']; // the same inputs each time: a change is not to be judged by a draw
    const all = await cli(['selftest', '--device', 'cpu', '--op', 'adamw', ...seed], { env: { VLLTR_ISA: '' } });
    expect(all.code).toBe(0);
    for (const isa of available) expect(all.stderr).toMatch(new RegExp(`${isa} adamw: \\d{2,} checks, all hold`));
    const env = { VLLTR_DEVICE: 'cpu', VLLTR_ISA: available[0]! };
    const one = await cli(['selftest', ...seed], { env });
    expect(one.code).toBe(0);
    for (const op of checked) expect(one.stderr).toMatch(new RegExp(`${available[0]} ${op}: \\d{2,} checks, all hold`));
    expect(one.stderr.match(/all hold/g)).toHaveLength(checked.length);
    expect(await cli(['selftest', '--device', 'cpu', '--op', 'product'])).toMatchObject({
      stderr: expect.stringContaining('expected one of: adamw, anchor-attention, contrastive'),
    });
  });

  it('says why a process found nothing', async () => {
    expect(await checkProcessor('generic', 'adamw', 1, '/nowhere/vl_ltr.node')).toContain(
      "Cannot find module '/nowhere/vl_ltr.node'",
    );
    expect(await checkProcessor('generic', 'no-op', 1)).toContain('knows no op "no-op"');
  });
});

it.skipIf(gpuPresent())('is skipped where there is no card, and refused where one was asked for', async () => {
  const skipped = await cli(['selftest']);
  expect(skipped).toMatchObject({ code: 0, stderr: expect.stringMatching(/skipped.*no card to check \(/) });
  const forced = await cli(['selftest', '--device', 'cuda']);
  expect(forced).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no card to check') });
  expect(await cli(['selftest', '--card', 'x'])).toMatchObject({ code: 2 });
  const { built, cards, why } = loadAddon().cuda();
  expect(cards).toEqual([]);
  expect(why).toMatch(built ? /driver|card/ : /no CUDA kernels/);
  const refused = loadAddon().selftest;
  await expect((async () => refused(0, 'adamw', 1, false))()).rejects.toMatchObject({
    name: 'VlltrError',
    code: 'ERR_NATIVE',
  });
});
