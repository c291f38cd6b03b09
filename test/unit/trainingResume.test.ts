import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMetrics } from '../../lib/training/metrics.js';

const script = fileURLToPath(new URL('../fixtures/tinyTraining.mjs', import.meta.url));
const STEPS = 24;
let folder = '';
beforeAll(async () => {
  const built = fileURLToPath(new URL('../../dist/lib/training/loop.js', import.meta.url));
  expect(existsSync(built), 'dist/ is missing: npm run build').toBe(true);
  folder = await mkdtemp(join(tmpdir(), 'vlltr-resume-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  lines: string[];
  code: number | null;
  signal: NodeJS.Signals | null;
  errors: string;
}

/** Runs the training. */
function run(dir: string, ...flags: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [script, dir, String(STEPS), ...flags]);
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ lines: out.trim().split('\n'), code, signal, errors }));
  });
}

const metrics = async (dir: string) => (await readMetrics(dir)).map(({ seconds: _, ...line }) => line);

describe('a killed run', () => {
  it('gives the numbers of an unbroken one, to the bit', async () => {
    const whole = join(folder, 'whole');
    const expected = await run(whole);
    expect(expected.code, expected.errors).toBe(0);
    expect(expected.lines).toHaveLength(STEPS + 1);

    const broken = join(folder, 'broken');
    // At the first there is no checkpoint yet; inputs:13 dies while the checkpoint of step 12 may be half written.
    let ended: Ended;
    for (const at of ['step:1', 'step:7', 'inputs:13', 'step:17']) {
      ended = await run(broken, '--resume', `${at}:SIGKILL`);
      expect(ended.signal, ended.errors).toBe('SIGKILL');
    }
    // What a crash in the middle of a write leaves behind.
    const checkpoints = join(broken, 'checkpoints');
    await writeFile(join(checkpoints, 'tiny-20.safetensors'), 'half');
    await writeFile(join(checkpoints, 'tiny-21.safetensors.1-ab.partial'), 'half');
    ended = await run(broken, '--resume');
    expect(ended.code, ended.errors).toBe(0);
    expect(ended.errors).toMatch(/tiny-20\.safetensors is no valid safetensors file.*trying the checkpoint before/);
    expect(ended.lines.at(-1)).toBe(expected.lines.at(-1));
    // It went on from a checkpoint rather than from the start.
    expect(ended.lines[0]).toMatch(/^step 1[0-9]$/);
    expect(await metrics(broken)).toEqual(await metrics(whole));
    expect((await readdir(checkpoints)).sort()).toEqual(['tiny-21.safetensors', 'tiny-24.safetensors']);

    // Once more: nothing is left to do, the same numbers come out.
    const again = await run(broken, '--resume');
    expect(again.lines).toEqual([expected.lines.at(-1)]);
  });

  it('finishes its step and writes a checkpoint on SIGINT', async () => {
    const dir = join(folder, 'interrupted');
    const ended = await run(dir, 'step:5:SIGINT');
    expect(ended.signal).toBeNull();
    expect(ended.errors).toMatch(/tiny was stopped after step (\d+); its checkpoint is written/);
    const step = /after step (\d+)/.exec(ended.errors)![1];
    expect(await readdir(join(dir, 'checkpoints'))).toContain(`tiny-${step}.safetensors`);
    expect((await run(dir, '--resume')).lines[0]).toBe(`step ${Number(step) + 1}`);
    expect(await metrics(dir)).toEqual(await metrics(join(folder, 'whole')));
  });
});
