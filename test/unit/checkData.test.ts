import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../lib/cli/check.js';
import { checkData, type DataReport } from '../../lib/data/checkData.js';
import { openFolder } from '../../lib/data/openPictures.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vlltr-check-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  await rm(dir, { recursive: true });
});

let shade = 0;
async function paint(path: string, grey = ++shade): Promise<void> {
  const file = join(dir, path);
  await mkdir(dirname(file), { recursive: true });
  const background = { r: grey % 256, g: grey >> 8, b: 7 };
  await sharp({ create: { width: 3, height: 2, channels: 3, background } }).toFile(file);
}

/** A set without fault: two classes with text in all splits. */
async function sound(): Promise<void> {
  for (const split of ['train', 'val', 'test'])
    for (const c of ['a_b', 'c']) for (let i = 0; i < 2; i++) await paint(`${split}/${c}/${i}.png`);
  await writeFile(join(dir, 'classes.json'), JSON.stringify({ 'a b': ['An A.'], c: ['A C.'] }));
}

const kinds = (report: DataReport) => report.findings.map((f) => `${f.severity} ${f.kind}`);
const finding = (report: DataReport, kind: string) => report.findings.find((f) => f.kind === kind);

describe('checkData', () => {
  it('finds nothing wrong with a sound set', async () => {
    await sound();
    await paint('train/c/2.png');
    const report = await checkData(dir, { shots: { manyAbove: 2, fewUpTo: 1 } });
    expect(report.findings).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.pictures).toEqual({ train: 5, val: 4, test: 4 });
    expect(report.classes).toEqual([
      { name: 'a b', key: 'a_b', train: 2, val: 2, test: 2, group: 'medium', sentences: 1 },
      { name: 'c', key: 'c', train: 3, val: 2, test: 2, group: 'many', sentences: 1 },
    ]);
    expect(report.groups.many).toEqual({ classes: 1, pictures: 3 });
    expect(report.imbalance).toBe(1.5);
  });

  it('finds equal pixels within a class, across splits and across classes', async () => {
    await sound();
    await paint('train/c/twin1.png', 60001);
    await paint('train/c/twin2.webp.png', 60001);
    await paint('train/c/leak.png', 60002);
    await paint('test/c/leak.png', 60002);
    await paint('train/c/both.png', 60003);
    await paint('train/a_b/both.png', 60003);
    const report = await checkData(dir);
    expect(kinds(report)).toEqual(['warning contradiction', 'warning leak', 'warning duplicate']);
    expect(report.ok).toBe(true);
    expect(finding(report, 'duplicate')!.items).toEqual(['train/c/twin1.png = train/c/twin2.webp.png']);
    expect(finding(report, 'leak')!.items).toEqual(['train/c/leak.png = test/c/leak.png']);
    expect(finding(report, 'contradiction')!.items).toEqual(['train/a_b/both.png = train/c/both.png']);
  });

  it('finds what stops training', async () => {
    await sound();
    await mkdir(join(dir, 'train/empty'));
    await paint('test/foreign/x.png');
    await writeFile(join(dir, 'test/c/bad.jpg'), 'no picture');
    await writeFile(join(dir, 'classes.json'), '{');
    const report = await checkData(dir);
    expect(report.ok).toBe(false);
    expect(
      kinds(report)
        .filter((k) => k.startsWith('problem'))
        .sort(),
    ).toEqual(['problem empty-class', 'problem text', 'problem unreadable', 'problem untrained-class']);
    expect(finding(report, 'unreadable')!.items[0]).toMatch(/test\/c\/bad\.jpg cannot be read/);
    expect(finding(report, 'empty-class')!.items).toEqual(['empty']);
    expect(finding(report, 'untrained-class')!.items).toEqual(['foreign']);
    expect(report.classes.find((c) => c.name === 'foreign')?.group).toBeNull();
    const fast = await checkData(dir, { decode: false });
    expect(finding(fast, 'unreadable')).toBeUndefined();
  });

  it('warns of unreadable training pictures as long as training replaces them', async () => {
    await sound();
    const bad = (name: string) => writeFile(join(dir, name), 'no picture');
    for (let i = 0; i < 10; i++) await bad(`train/c/bad${i}.jpg`);
    const few = await checkData(dir);
    expect(kinds(few)).toEqual(['warning unreadable']);
    expect(finding(few, 'unreadable')!.items).toHaveLength(10);
    await bad('train/c/bad10.jpg');
    expect(kinds(await checkData(dir))).toEqual(['problem unreadable']);
    for (let i = 0; i < 11; i++) await rm(join(dir, `train/c/bad${i}.jpg`));
    await mkdir(join(dir, 'train/unseen'));
    await bad('train/unseen/only.jpg');
    expect(kinds(await checkData(dir))).toContain('problem unreadable');
  });

  it('warns of missing splits, texts and stray files', async () => {
    await paint('train/a/0.png');
    await paint('train/b/0.png');
    await paint('test/a/0.png');
    await writeFile(join(dir, 'train/a/x.bmp'), 'x');
    await writeFile(join(dir, 'train/loose.png'), 'x');
    await mkdir(join(dir, 'text'));
    await writeFile(join(dir, 'text/A.txt'), 'Text of no class.');
    await writeFile(join(dir, 'text/b.txt'), 'One. Two.');
    const report = await checkData(dir);
    expect(report.ok).toBe(true);
    expect(finding(report, 'missing-split')!.message).toMatch(/no folder val/);
    expect(finding(report, 'class-without-pictures')!.items).toEqual(['b']);
    expect(finding(report, 'no-text')!.items).toEqual(['a']);
    expect(finding(report, 'text-without-class')!.items).toEqual([join(dir, 'text/A.txt')]);
    expect(finding(report, 'ignored')!.items).toEqual(['train/a/x.bmp', 'train/loose.png']);
    expect(report.classes[1]!.sentences).toBe(2);
  });

  it('reports a folder as training sees it with a share held out', async () => {
    for (let i = 0; i < 6; i++) await paint(`train/a/${i}.png`);
    await paint('train/b/only.png');
    const report = await checkData(dir, { holdOut: 0.3, shots: { manyAbove: 5, fewUpTo: 1 } });
    expect(report.heldOut).toEqual({ share: 0.3, pictures: 2, classes: 1 });
    expect(report.pictures).toEqual({ train: 5, val: 2 });
    expect(report.classes.map((c) => [c.train, c.val, c.group])).toEqual([
      [4, 2, 'medium'],
      [1, 0, 'few'],
    ]);
    const data = await openFolder(dir, { imageSize: 4, holdOut: 0.3 });
    expect([data.train.length, data.val!.length]).toEqual([5, 2]);
    expect((await checkData(dir)).heldOut).toBeNull();
    await paint('val/b/0.png');
    expect((await checkData(dir, { holdOut: 0.3 })).heldOut).toBeNull();
    await expect(checkData(dir, { holdOut: 1 })).rejects.toThrow(/holdOut is 1, expected a share from 0 to 0.5/);
  });

  it('says where the folder is none, or one class alone', async () => {
    await expect(checkData(join(dir, 'none'))).rejects.toThrow(/none does not exist; expected a folder/);
    await expect(checkData(dir)).rejects.toThrow(/has no folder train/);
    await paint('train/a/0.png');
    expect(finding(await checkData(dir), 'structure')!.message).toMatch(/1 class in train; expected two/);
  });
});

describe('vl-ltr check', () => {
  async function run(...args: string[]): Promise<string> {
    let out = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += text;
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const program = new Command('vl-ltr').exitOverride().configureOutput({ writeErr: () => {} });
    register(program);
    await program.parseAsync(['check', ...args], { from: 'user' });
    return out;
  }

  it('prints a table, and JSON with --json', async () => {
    await sound();
    const text = await run(dir);
    expect(text).toMatch(/2 classes; pictures: train 4, val 4, test 4/);
    expect(text).toMatch(/a b +2 +2 +2/);
    expect(text).toMatch(/Ready to train\.\n$/);
    expect(process.exitCode).toBeUndefined();
    expect((JSON.parse(await run(dir, '--json')) as DataReport).classes).toHaveLength(2);
  });

  it('exits 1 on a problem and names it', async () => {
    await sound();
    await mkdir(join(dir, 'train/empty'));
    expect(await run(dir)).toMatch(/problem: 1 class without a training picture\n {4}empty[\s\S]*Not ready: 1 problem/);
    expect(process.exitCode).toBe(1);
  });

  it('shortens long lists', async () => {
    await sound();
    for (let i = 0; i < 40; i++) await mkdir(join(dir, `train/e${i}`));
    const text = await run(dir, '--fast');
    expect(text).toMatch(/… and 35 more \(--json lists all\)/);
    expect(text).toMatch(/the 15 largest and 15 smallest; 12 between/);
  });

  it('refuses a wrong command line', async () => {
    await expect(run()).rejects.toMatchObject({ exitCode: 1, code: 'commander.missingArgument' });
    await expect(run(dir, '--shots', 'x')).rejects.toMatchObject({ code: 'commander.invalidArgument' });
  });
});
