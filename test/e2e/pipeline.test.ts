import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { openIconLt } from '../../lib/data/iconLt/index.js';
import { cli, dyingAt } from '../support/cli.js';

const root = mkdtempSync(join(tmpdir(), 'vl-ltr-e2e-'));
const at = (name: string): string => join(root, name);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const CHANCE = 100 / 12;
const SMALL = ['--batch', '24', '--checkpoint-every', '3', '--evaluate-every', '0'];

/** The last non-trivial line in which a command says what went wrong. */
const lastLine = (stderr: string): string => stderr.trim().split('\n').at(-1) ?? '';

describe('both stages on a tiny Icon-LT', () => {
  it('pretrain, killed in the middle of a checkpoint and resumed, leaves the model of an unbroken run', async () => {
    const args = ['pretrain', 'icon-lt-12', '--steps', '9', '--seed', '3', ...SMALL];
    const whole = await cli([...args, '--run', at('stage1'), '--json']);
    expect(whole.code, whole.stderr).toBe(0);
    const summary = JSON.parse(whole.stdout);
    expect(summary.stage).toBe('pretrain');
    const broken = await cli([...args, '--run', at('broken')], { env: dyingAt('pretrain-6.safetensors') });
    expect(broken.code).toBeNull();
    expect(readdirSync(at('broken/checkpoints'))).toContain('pretrain-3.safetensors');
    expect(existsSync(at('broken/model.safetensors'))).toBe(false);
    const resumed = await cli([...args, '--run', at('broken'), '--resume']);
    expect(resumed.code, resumed.stderr).toBe(0);
    const bytes = (run: string) => readFileSync(at(`${run}/model.safetensors`));
    expect(bytes('broken').equals(bytes('stage1'))).toBe(true);
  });

  it('anchors lists the best sentences of every class', async () => {
    const found = await cli(['anchors', 'icon-lt-12', '--run', at('stage1'), '--anchors', '4', '--json']);
    expect(found.code, found.stderr).toBe(0);
    expect(existsSync(at('stage1/anchors.safetensors'))).toBe(true);
  });

  it('finetune learns, and chooses α on validation', async () => {
    const tuned = await cli([
      ...['finetune', 'icon-lt-12', '--from', at('stage1'), '--run', at('stage2'), '--steps', '25', '--json'],
      ...SMALL,
    ]);
    expect(tuned.code, tuned.stderr).toBe(0);
    const lines = readFileSync(at('stage2/metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l));
    const losses = lines.filter((l) => typeof l.loss === 'number').map((l) => l.loss as number);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    expect(existsSync(at('stage2/report.html'))).toBe(true);
    expect(readFileSync(at('stage2/config.json'), 'utf8')).toContain('"seed": 0');
  });

  it('evaluate says accuracies by shot group, far above chance', async () => {
    const found = await cli(['evaluate', 'icon-lt-12', '--run', at('stage2'), '--json']);
    expect(found.code, found.stderr).toBe(0);
    const { results } = JSON.parse(found.stdout);
    const { all } = results.at(-1);
    expect(all).toBeGreaterThan(4 * CHANCE);
  });

  it('predict explains: the shares of the sentences add up to the text logit', async () => {
    const data = await openIconLt({ classes: 12 });
    const pixels = await data.test!.read([0]);
    const file = at('icon.png');
    await sharp(pixels, { raw: { width: data.test!.size, height: data.test!.size, channels: 3 } })
      .png()
      .toFile(file);
    const found = await cli(['predict', file, '--run', at('stage2'), '--explain', '--json']);
    expect(found.code, found.stderr).toBe(0);
    const [{ guesses, explanation }] = JSON.parse(found.stdout).predictions;
    expect(guesses[0].class).toBe(explanation.class);
    const sum = explanation.sentences.reduce((s: number, e: { share: number }) => s + e.share, 0);
    expect(sum).toBeCloseTo(explanation.logit, 3);
    const plain = await cli(['predict', file, '--run', at('stage2'), '--explain']);
    expect(plain.stdout).toContain(explanation.sentences[0].sentence);
  });

  it('demo writes its table, summary and report, and learns', async () => {
    const found = await cli(['demo', '--data', 'icon-lt-12', '--effort', '0.02', '--run', at('demo'), '--json']);
    expect(found.code, found.stderr).toBe(0);
    const summary = JSON.parse(readFileSync(at('demo/summary.json'), 'utf8'));
    expect(JSON.parse(found.stdout)).toEqual(summary);
    expect(summary.results.map((r: { name: string }) => r.name)).toEqual([
      'zero-shot',
      'baseline',
      'stage1',
      'vl-ltr-visual',
      'vl-ltr-text',
      'vl-ltr',
    ]);
    for (const row of summary.results) expect(row.all, row.name).toBeGreaterThan(2 * CHANCE);
    expect(readFileSync(at('demo/report.html'), 'utf8')).toContain('VL-LTR on icon-lt-12');
  });

  it('demo keeps what was broken off, and starts a finished one over', async () => {
    const args = ['demo', '--data', 'icon-lt-12', '--run', at('demo'), '--effort'];
    const { results } = JSON.parse(readFileSync(at('demo/summary.json'), 'utf8'));
    const other = await cli([...args, '0.03', '--resume']);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/begun with another configuration \(.*recipe\.pretrain\.steps: 4 → 6/);

    rmSync(at('demo/summary.json'));
    const anew = await cli([...args, '0.02']);
    expect(anew.code).toBe(1);
    expect(anew.stderr).toContain('holds an unfinished demo run; add --resume to go on, or --force to replace it');
    expect(existsSync(at('demo/report.html'))).toBe(true);
    const resumed = await cli([...args, '0.02', '--resume', '--json']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout).results).toEqual(results);
    // Every training was there already.
    expect(resumed.stderr).not.toContain('loss');

    mkdirSync(at('demo/seed-7'));
    const again = await cli([...args, '0.02', '--json']);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('finished demo run: starting over');
    expect(JSON.parse(again.stdout).results).toEqual(results);
    expect(existsSync(at('demo/seed-7'))).toBe(false);
  });
});

describe('the command line refuses', () => {
  const refusals: [string, string[], number, RegExp][] = [
    ['an unknown option', ['pretrain', 'icon-lt-12', '--nonsense'], 2, /nonsense/],
    ['an unknown command', ['train'], 2, /train/],
    ['a folder that is not there', ['pretrain', at('nothing'), '--run', at('x')], 1, /nothing/],
    ['a run folder without a model', ['evaluate', 'icon-lt-12', '--run', at('empty')], 1, /empty/],
    [
      'a file of another kind',
      ['evaluate', 'icon-lt-12', '--run', at('stage1/anchors.safetensors')],
      1,
      /file of anchors/,
    ],
    ['a finished run', ['pretrain', 'icon-lt-12', '--steps', '9', '--run', at('stage1')], 1, /--force/],
    ['data of other classes', ['evaluate', 'icon-lt-100', '--run', at('stage2')], 1, /class/],
    ['a finished teacher', ['clip', '--run', at('stage1')], 1, /clip/],
    ['a demo in the folder of another run', ['demo', '--run', at('stage1')], 1, /finished pretrain run; give demo/],
    ['no seed at all', ['demo', '--seeds', '0'], 2, /seeds/],
    ['an empty seed', ['demo', '--seed', ''], 2, /seed.*expected an integer ≥ 0/],
    ['an empty share', ['pretrain', 'x', '--smoothing', ' '], 2, /smoothing.*expected a number from 0 to 1/],
    ['a number out of range', ['pretrain', 'icon-lt-12', '--smoothing', '3'], 2, /smoothing/],
  ];
  for (const [what, args, code, message] of refusals)
    it(what, async () => {
      const found = await cli(args);
      expect(found.stderr).toMatch(message);
      expect(found.code).toBe(code);
      expect(lastLine(found.stderr)).not.toMatch(/^\s+at /);
      expect(found.stdout).toBe('');
    });

  it('a picture that cannot be read, naming it, and still predicts the others', async () => {
    writeFileSync(at('broken.png'), 'no picture');
    const found = await cli(['predict', at('broken.png'), at('icon.png'), '--run', at('stage2'), '--json']);
    expect(found.code).toBe(1);
    expect(found.stderr).toContain('broken.png');
    const [broken, icon] = JSON.parse(found.stdout).predictions;
    expect(broken.error).toMatch(/broken\.png cannot be read: it is no picture of a format that is read \(.+\)$/);
    expect(icon.guesses.length).toBeGreaterThan(0);
    const shown = await cli(['predict', at('broken.png'), at('icon.png'), '--run', at('stage2')]);
    expect(shown.code).toBe(1);
    expect(shown.stdout).toContain('icon.png');
    // Once in all, where both streams go to one terminal.
    expect((shown.stdout + shown.stderr).split('broken.png')).toHaveLength(2);
    expect(shown.stderr).toContain(broken.error);
  });
});
