import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { loadAddon } from '../../bindings/load.js';
import { run } from '../../lib/cli/actions/selftest.js';
import { gpuPresent } from '../../lib/runtime/hardware.js';
import { cli } from '../support/cli.js';

const card = { name: 'A card', capability: '9.0', memory: 2 ** 36, driver: '13.0' };

/** An addon whose checks of `broken` fail. */
const fake = (broken = '') => ({
  cuda: () => ({ built: true, cards: [card], checked: ['adamw', 'contrastive'] }),
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

it.skipIf(gpuPresent())('is skipped where there is no card, and refused where one was asked for', async () => {
  const skipped = await cli(['selftest']);
  expect(skipped).toMatchObject({ code: 0, stderr: expect.stringMatching(/skipped.*no card to check \(/) });
  const forced = await cli(['selftest', '--device', 'cuda']);
  expect(forced).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no card to check') });
  const cpu = await cli(['selftest'], { env: { VLLTR_DEVICE: 'cpu' } });
  expect(cpu).toMatchObject({ code: 0, stderr: expect.stringContaining('device cpu was chosen') });
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
