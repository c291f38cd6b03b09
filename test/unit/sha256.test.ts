import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { sha256File } from '../../lib/files/sha256.js';
import { fileDigest } from '../../lib/stages/anchorFile.js';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return { ...real, createReadStream: vi.fn(real.createReadStream) };
});

const folder = mkdtempSync(join(tmpdir(), 'vlltr-sha256-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

it('digests of one file are made of one reading of it, until it changes', async () => {
  const file = join(folder, 'weights');
  const other = join(folder, 'others');
  writeFileSync(file, 'weights');
  writeFileSync(other, 'others.');
  const digests = (path: string) => Promise.all([sha256File(path), fileDigest(path), sha256File(path)]);
  const expected = (text: string) => [sha256(text), sha256(`${text}\0`).slice(0, 24), sha256(text)];
  expect(await digests(file)).toEqual(expected('weights'));
  expect(await fileDigest(file)).toBe(expected('weights')[1]);
  expect(createReadStream).toHaveBeenCalledTimes(1);
  expect(await digests(other)).toEqual(expected('others.'));
  writeFileSync(file, 'weights of another epoch');
  expect(await digests(file)).toEqual(expected('weights of another epoch'));
  expect(createReadStream).toHaveBeenCalledTimes(3);
  await expect(sha256File(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
});
