import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, expect, it, vi } from 'vitest';
import { PredictionFile } from '../../lib/cli/actions/predictionFile.js';
import { holdOut } from '../../lib/cli/actions/runLock.js';
import { printPart } from '../../lib/cli/terminal.js';
import { beginning } from '../../lib/runtime/processes.js';

const folder = mkdtempSync(join(tmpdir(), 'vlltr-predictions-'));
const out = join(folder, 'deep', 'predictions.jsonl');
const partial = `${out}.partial`;
const about = { model: 'a', split: 'test' };
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(out, { force: true });
  rmSync(partial, { force: true });
});

const records = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ image: `ü\u2028 ${from + i}` }));
const text = (n: number): string =>
  records(0, n)
    .map((r) => `${JSON.stringify(r)}\n`)
    .join('');

it('is not there before it is whole', async () => {
  const file = await PredictionFile.open({ out }, about, 2);
  await file.add(records(0, 2));
  expect(existsSync(out)).toBe(false);
  await file.add(records(2, 3));
  await file.finish();
  expect(readFileSync(out, 'utf8')).toBe(text(3));
  expect(existsSync(partial)).toBe(false);
  await expect(PredictionFile.open({ out }, about, 2)).rejects.toThrow(/exists already; add --force/);
});

it('goes on after the last whole chunk, whatever was cut off behind it', async () => {
  for (const torn of ['', '{"image": "ü 4', '{"image": "ü 4"}\n', '{"image": "ü 4"}\n{"image": "ü 5"}']) {
    const begun = await PredictionFile.open({ out, force: true }, about, 2);
    await begun.add(records(0, 4));
    appendFileSync(partial, torn);
    rmSync(out, { force: true });
    await expect(PredictionFile.open({ out }, about, 2)).rejects.toThrow(/unfinished predictions; add --resume/);
    const file = await PredictionFile.open({ out, resume: true }, about, 2);
    expect(file.done).toBe(4);
    await file.add(records(4, 5));
    await file.finish();
    expect(readFileSync(out, 'utf8')).toBe(text(5));
  }
});

it('knows how many of the records that it goes on behind are of unreadable pictures', async () => {
  const bad = { image: 'bad', error: 'it is damaged' };
  const kept = [...records(0, 1), bad, bad, bad, ...records(4, 6)];
  writeFileSync(partial, [about, ...kept, bad].map((record) => `${JSON.stringify(record)}\n`).join(''));
  const file = await PredictionFile.open({ out, resume: true }, about, 2);
  expect([file.done, file.unreadable]).toEqual([6, 3]);
  await file.finish();
});

it('that the file system refuses is named, not what helps to write it', async () => {
  const long = join(folder, 'x'.repeat(250));
  const helper = PredictionFile.open({ out: long }, about, 2);
  await expect(helper).rejects.toMatchObject({
    code: 'ERR_IO',
    message: `${long} cannot be written: ENAMETOOLONG: name too long`,
  });
  writeFileSync(join(folder, 'file'), '');
  const below = holdOut(join(folder, 'file', 'a', 'p.jsonl'));
  await expect(below).rejects.toThrow(/p\.jsonl cannot be written: ENOTDIR: not a directory, mkdir '.*file.a'$/);
  const file = await PredictionFile.open({ out, force: true }, about, 2);
  rmSync(partial);
  mkdirSync(partial);
  try {
    await expect(file.add(records(0, 2))).rejects.toMatchObject({
      code: 'ERR_IO',
      message: `${out} cannot be written: EISDIR: illegal operation on a directory`,
    });
  } finally {
    rmSync(partial, { recursive: true });
  }
  writeFileSync(partial, '');
  await file.finish();
});

it('that another process writes is refused, with --resume and --force, too; a dead one counts for nothing', async () => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const lock = `${out}.running`;
  try {
    await PredictionFile.open({ out }, about, 2);
    const own = JSON.parse(readFileSync(lock, 'utf8'));
    writeFileSync(lock, JSON.stringify({ ...own, pid: other.pid, beginning: beginning(other.pid!) }));
    for (const more of [{}, { resume: true }, { force: true }])
      await expect(PredictionFile.open({ out, ...more }, about, 2)).rejects.toThrow(
        `predictions.jsonl is being written by process ${other.pid}`,
      );
    expect(existsSync(partial)).toBe(true);
  } finally {
    other.kill('SIGKILL');
    await once(other, 'exit');
  }
  const file = await PredictionFile.open({ out, resume: true }, about, 2);
  await file.add(records(0, 1));
  await file.finish();
  expect(existsSync(lock)).toBe(false);
  await expect(PredictionFile.open({ out }, about, 2)).rejects.toThrow(/exists already/);
  expect(existsSync(lock)).toBe(false);
});

it('what goes to stdout waits for a slow reader', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValueOnce(true).mockReturnValueOnce(false);
  try {
    await printPart('fast');
    let went = false;
    const slow = printPart('slow').then(() => {
      went = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(went).toBe(false);
    process.stdout.emit('drain');
    await slow;
    expect(write.mock.calls.map(([text]) => text)).toEqual(['fast', 'slow']);
  } finally {
    write.mockRestore();
  }
});

it('that was not begun is not gone on with, and those beside it are named', async () => {
  await PredictionFile.open({ out }, about, 2);
  const typo = join(dirname(out), 'predicitons.jsonl');
  await expect(PredictionFile.open({ out: typo, resume: true }, about, 2)).rejects.toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: `${typo} has no unfinished predictions to go on with; beside it, did you mean predictions.jsonl? (new ones begin without --resume)`,
  });
  const far = join(dirname(out), 'nowhere', 'predictions.jsonl');
  await expect(PredictionFile.open({ out: far, resume: true }, about, 2)).rejects.toThrow(/go on with \(new ones/);
  expect(existsSync(dirname(far))).toBe(false);
});

it('of another model is not gone on with', async () => {
  await PredictionFile.open({ out }, about, 2);
  const other = PredictionFile.open({ out, resume: true }, { ...about, model: 'b' }, 2);
  await expect(other).rejects.toThrow(/another model, data or command/);
  expect((await PredictionFile.open({ out, force: true }, { ...about, model: 'b' }, 2)).done).toBe(0);
});
