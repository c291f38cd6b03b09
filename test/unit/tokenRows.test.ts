import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import * as tokenizer from '../../lib/clip/tokenizer.js';
import { tokenRows } from '../../lib/stages/tokenRows.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'vlltr-tokens-'));
  vi.stubEnv('XDG_CACHE_HOME', dir);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

const TEXTS = ['a photo of a cat.', 'one two three four five six seven', '', 'ünïcode 😀'];
const folder = () => join(dir, 'vl-ltr', 'tokens');
const files = () => readdirSync(folder());

it('rows are those of the tokenizer without their padding', () => {
  const { ids, starts, truncated } = tokenRows(TEXTS, 8);
  const padded = tokenizer.tokenIds(TEXTS, { contextLength: 8 });
  expect(truncated).toBe(padded.truncated);
  TEXTS.forEach((_, row) => {
    const own = padded.ids.subarray(8 * row, 8 * row + padded.lengths[row]!);
    expect([...ids.subarray(starts[row], starts[row + 1])]).toEqual([...own]);
  });
  expect(() => files()).toThrow(/ENOENT/);
});

it('large corpora are kept under what they say, and read back', () => {
  const made = tokenRows(TEXTS, 8, 1);
  expect(files()).toHaveLength(1);
  const [name] = files();
  expect(tokenRows(TEXTS, 8, 1)).toEqual(made);
  expect(files()).toEqual([name]);
  for (const [texts, context] of [
    [[...TEXTS.slice(0, 3), 'unicode 😀'], 8],
    [TEXTS, 9],
    [['a photo of a', ' cat.', ...TEXTS.slice(1)], 8],
  ] as const)
    tokenRows(texts, context, 1);
  expect(files()).toHaveLength(4);
});

it('a damaged file is made again; old ones go', () => {
  const made = tokenRows(TEXTS, 8, 1);
  const file = join(folder(), files()[0]!);
  const bytes = readFileSync(file);
  for (const damage of [bytes.subarray(0, 30), bytes.subarray(0, bytes.length - 2), Buffer.alloc(0)]) {
    writeFileSync(file, damage);
    expect(tokenRows(TEXTS, 8, 1)).toEqual(made);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  }
  bytes[50]! ^= 1;
  writeFileSync(file, bytes);
  expect(tokenRows(TEXTS, 8, 1)).toEqual(made);
  for (let n = 0; n < 12; n++) tokenRows([`text ${n}`], 8, 1);
  expect(files()).toHaveLength(8);
});
