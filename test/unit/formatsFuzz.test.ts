import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { Dice } from '../support/damage.js';
import { targets } from '../support/fuzz.js';

/** Cases of each, the same on every machine; VLLTR_FUZZ_CASES=50000 VLLTR_FUZZ_FROM=1000000 looks further and elsewhere. */
const cases = Number(process.env.VLLTR_FUZZ_CASES ?? 100);
const from = Number(process.env.VLLTR_FUZZ_FROM ?? 0);

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'vlltr-fuzz-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

it.each(Object.entries(targets))('%s', async (name, target) => {
  for (let n = from; n < from + cases; n++)
    await target(dir, new Dice(name, n)).catch((cause: unknown) => {
      throw new Error(`case ${n}: ${(cause as Error).message}`, { cause });
    });
});
