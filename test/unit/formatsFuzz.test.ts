import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Dice } from '../support/damage.js';
import { targets } from '../support/fuzz.js';

/** Seconds for each; VLLTR_FUZZ_SECONDS=300 VLLTR_FUZZ_FROM=1000000 looks further and elsewhere. */
const seconds = Number(process.env.VLLTR_FUZZ_SECONDS ?? 0.4);
const from = Number(process.env.VLLTR_FUZZ_FROM ?? 0);

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'vlltr-fuzz-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

it.each(Object.entries(targets))(
  '%s',
  async (name, target) => {
    const end = Date.now() + 1000 * seconds;
    let n = 0;
    while (Date.now() < end) {
      const dice = new Dice(name, from + n);
      await target(dir, dice).catch((cause: unknown) => {
        throw new Error(`case ${from + n}: ${(cause as Error).message}`, { cause });
      });
      n++;
    }
    if (process.env.VLLTR_FUZZ_SECONDS) console.log(`${name}: ${n} cases`);
    expect(n).toBeGreaterThan(0);
  },
  1000 * seconds + 60_000,
);
