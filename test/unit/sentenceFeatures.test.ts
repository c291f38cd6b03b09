import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { ready } from '../../lib/runtime/ready.js';
import { sentenceFeatures } from '../../lib/stages/features.js';
import { openSentenceFeatures } from '../../lib/stages/sentenceFeatures.js';
import { TextBank } from '../../lib/stages/textBank.js';
import { colourData, tinyClip } from '../support/tinyClip.js';

/** What another process would run on; one process has one backend. */
const elsewhere = vi.hoisted((): { backend?: string } => ({}));
vi.mock('../../lib/runtime/ready.js', async (original) => {
  const real = (await original()) as typeof import('../../lib/runtime/ready.js');
  return { ...real, runtime: () => ({ ...real.runtime(), ...elsewhere }) };
});

const cache = mkdtempSync(join(tmpdir(), 'vlltr-sentences-'));
const folder = join(cache, 'vl-ltr', 'text-features');
const data = colourData();
// Four classes, 700 sentences: three batches, the last one short.
const bank = new TextBank(
  data.sentences.map((list, c) => Array.from({ length: 175 }, (_, i) => `${list[i % 3]} ${'so '.repeat(i % 7)}${c}`)),
  16,
);
const rows = [699, 0, 350, 0, 17];

beforeAll(async () => {
  await ready({ backend: 'cpu', kernels: 'tfjs' });
  vi.stubEnv('XDG_CACHE_HOME', cache);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

const model = tinyClip(data);
const expected = (params = model.params): Float32Array => {
  const all = sentenceFeatures(model.config, params, bank);
  return Float32Array.from(rows.flatMap((row) => Array.from(all.subarray(row * 16, (row + 1) * 16))));
};

/** Opens the features on disk; which batches were encoded, and those of `rows`. */
async function opened(params = model.params) {
  const encoded: number[] = [];
  const features = await openSentenceFeatures(model.config, params, bank, (done) => encoded.push(done), 0);
  const found = await features.gather(rows);
  await features.close();
  return { encoded, found };
}

it('are those of the encoder, to the bit, encoded once', async () => {
  const first = await opened();
  expect(first).toEqual({ encoded: [1, 2, 3], found: expected() });
  expect(await opened()).toEqual({ encoded: [], found: expected() });
  const few = await openSentenceFeatures(model.config, model.params, bank);
  expect(await few.gather(rows)).toEqual(expected());
});

it('go on where a process was killed, and mend a damaged batch', async () => {
  await opened();
  const path = join(folder, readdirSync(folder)[0]!);
  const whole = readFileSync(path);
  truncateSync(path, whole.length - 5);
  expect(await opened()).toEqual({ encoded: [3], found: expected() });
  const damaged = Buffer.from(whole);
  damaged[256 * 16 * 4 + 100]! ^= 1;
  writeFileSync(path, damaged);
  expect(await opened()).toEqual({ encoded: [2, 3], found: expected() });
  expect(readFileSync(path).equals(whole)).toBe(true);
});

it('belong to a model and to a text', async () => {
  await opened();
  const other = tinyClip(data, {}, 2);
  expect(await opened(other.params)).toEqual({ encoded: [1, 2, 3], found: expected(other.params) });
  expect(readdirSync(folder)).toHaveLength(2);
  for (let seed = 3; seed < 6; seed++) await opened(tinyClip(data, {}, seed).params);
  expect(readdirSync(folder)).toHaveLength(4);
});

it('are computed all the same where nothing can be kept', async () => {
  writeFileSync(join(cache, 'file'), '');
  vi.stubEnv('XDG_CACHE_HOME', join(cache, 'file'));
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  const { found } = await opened();
  vi.stubEnv('XDG_CACHE_HOME', cache);
  expect(found).toEqual(expected());
  expect(warn.mock.calls).toEqual([
    [expect.stringMatching(/^sentence features cannot be kept \(ENOTDIR.*encodes them again$/)],
  ]);
  warn.mockRestore();
});

it('belong to the backend that computes them: the last bits are its own', async () => {
  await opened();
  elsewhere.backend = 'wasm';
  expect((await opened()).encoded).toEqual([1, 2, 3]);
  expect(readdirSync(folder)).toHaveLength(2);
  delete elsewhere.backend;
  expect((await opened()).encoded).toEqual([]);
});
