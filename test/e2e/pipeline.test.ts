import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe('the command line answers at once', () => {
  const COMMANDS = [
    'setup',
    'doctor',
    'check',
    'clip',
    'pretrain',
    'anchors',
    'finetune',
    'evaluate',
    'predict',
    'presets',
    'export',
    'demo',
  ];
  let traces = 0;
  beforeAll(() => {
    mkdirSync(at('empty'));
    mkdirSync(at('bare/train/a'), { recursive: true });
    writeFileSync(at('file'), '<html>');
    writeFileSync(at('nothing'), '');
    // A model as far as its first bytes tell.
    writeFileSync(
      at('no-model.safetensors'),
      Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
    );
  });
  /** Runs a command and says which of the heavy packages it loaded. */
  async function heavy(args: string[]) {
    const file = at(`trace-${traces++}`);
    const hook = new URL('../fixtures/traceImports.mjs', import.meta.url).href;
    const found = await cli(args, { env: { NODE_OPTIONS: `--import ${hook}`, VLLTR_TRACE: file } });
    const loaded = readFileSync(file, 'utf8');
    expect(loaded).toContain('/cli/main.js');
    return { ...found, loaded: ['@tensorflow', 'sharp', 'echarts'].filter((name) => loaded.includes(`/${name}/`)) };
  }

  it.each(COMMANDS)('nothing to %s --help, which says what it does', async (command) => {
    const found = await heavy([command, '--help']);
    expect(found.code).toBe(0);
    expect(found.stdout).toContain(`vl-ltr ${command}`);
    expect(found.loaded).toEqual([]);
  });

  it.each([
    ['--help', 0, ['--help']],
    ['--version', 0, ['--version']],
    ['an unknown option', 2, ['demo', '--nonsense']],
    ['options that exclude each other', 2, ['demo', '--resume', '--force']],
    ['a value out of range', 2, ['check', 'x', '--shots', 'three']],
  ])('%s loads no TensorFlow.js', async (_, code, args) => {
    const found = await heavy(args);
    expect(found.code).toBe(code);
    expect(found.loaded).toEqual([]);
  });

  it('a command that runs does load it', async () => {
    const found = await heavy(['evaluate', at('bare'), '--run', at('no-model.safetensors')]);
    expect(found.code).toBe(1);
    expect(found.loaded).toContain('@tensorflow');
  });

  it.each([
    ['check', 1, () => [at('epmty')]],
    ['pretrain', 2, () => [at('epmty'), '--teacher', at('no-modl.safetensors')]],
    ['pretrain', 1, () => ['--dry-run', at('epmty'), '--from', at('missing')]],
    ['finetune', 2, () => ['--from', at('no-modl.safetensors'), '--images', at('epmty')]],
    ['anchors', 1, () => ['--run', at('epmty')]],
    ['evaluate', 3, () => [at('epmty'), '--run', at('no-modl.safetensors'), '--baseline', at('no-modl.safetensors')]],
    ['predict', 2, () => ['--run', at('no-modl.safetensors'), at('no-modl.png')]],
    ['import', 3, () => [at('no-modl.pt'), '--out', at('o'), '--classes', at('epmty'), '--data', at('epmty')]],
    ['export', 1, () => [at('epmty'), '--out', at('o')]],
    ['demo', 2, () => ['--data', at('epmty'), '--teacher', at('no-modl.safetensors')]],
  ])('mistyped paths to %s, all %i of them, and what is meant', async (command, count, args) => {
    const found = await heavy([command, ...args()]);
    expect(found.code).toBe(1);
    expect(found.loaded).toEqual([]);
    expect(found.stderr.split(' does not exist; expected ')).toHaveLength(count + 1);
    expect(found.stderr).toMatch(/did you mean \S*(empty|no-model\.safetensors)/);
    expect(found.stdout).toBe('');
  });

  it.each([
    ['data of no layout', 'pretrain', () => [at('empty')], /empty has no folder train; expected/],
    [
      'data of no known kind',
      'evaluate',
      () => [at('file'), '--run', at('no-model.safetensors')],
      /file is a file; exp/,
    ],
    [
      'data of another layout',
      'demo',
      () => ['--data', at('bare'), '--format', 'csv'],
      /bare has no data of the format c/,
    ],
    [
      'a file for pictures',
      'pretrain',
      () => [at('bare'), '--images', at('file')],
      /file is a file; expected the folder/,
    ],
    [
      'a web page for a model',
      'pretrain',
      () => [at('bare'), '--from', at('file')],
      /file has 6 bytes; expected a check/,
    ],
    ['an empty teacher', 'pretrain', () => [at('bare'), '--teacher', at('nothing')], /nothing has 0 bytes; expected a/],
    [
      'an empty model',
      'predict',
      () => ['--run', at('nothing'), at('icon.png')],
      /nothing has 0 bytes; expected a check/,
    ],
    [
      'a folder for a picture',
      'predict',
      () => ['--run', at('no-model.safetensors'), at('bare')],
      /bare is a folder; exp/,
    ],
    [
      'a CLIP for a baseline',
      'evaluate',
      () => ['--run', at('stage2'), '--baseline', at('stage1')],
      /is a CLIP model \(.*\); expected a classifier/,
    ],
    [
      'a classifier to begin with',
      'finetune',
      () => [at('bare'), '--from', at('stage2')],
      /is a classifier \(.*\); expected a CLIP model/,
    ],
    [
      'a file for a checkpoint',
      'import',
      () => [at('nothing'), '--out', at('o')],
      /nothing has 0 bytes; expected a check/,
    ],
    [
      'no class names',
      'import',
      () => [at('stage1'), '--out', at('o'), '--classes', at('nothing')],
      /has 0 class names/,
    ],
    [
      'a folder of names',
      'import',
      () => [at('stage1'), '--out', at('o'), '--classes', at('bare')],
      /bare is a folder/,
    ],
  ])('the wrong thing at a path: %s', async (_, command, args, message) => {
    const found = await heavy([command, ...args()]);
    expect(found.stderr).toMatch(message);
    expect(found.stdout).toBe('');
    expect([found.code, ...found.loaded]).toEqual([1]);
  });

  it.each([
    ['pretrain', () => [at('bare'), '--run', at('file')], /--run \S*file is a file; expected a folder$/m],
    ['clip', () => ['--run', at('file/deep')], /--run \S*deep cannot be made: \S*file is a file; expected a folder$/m],
    ['clip', () => ['--out', at('bare')], /--out \S*bare is a folder; expected a file for the weights/],
    ['export', () => [at('stage1'), '--out', at('file')], /--out \S*file is a file; expected a folder/],
    ['import', () => [at('stage1'), '--out', at('file')], /--out \S*file is a file; expected a folder/],
    [
      'predict',
      () => ['--run', at('stage2'), '--split', 'test', '--out', at('file/p.jsonl')],
      /--out \S*p\.jsonl cannot be written: \S*file is a file; expected a folder/,
    ],
    [
      'selftest',
      () => ['--device', 'cpu', '--json', at('bare')],
      /--json \S*bare is a folder; expected a file for the rep/,
    ],
  ])('nothing can be written there: %s', async (command, args, message) => {
    const found = await heavy([command, ...args()]);
    expect(found.stderr).toMatch(message);
    expect([found.code, found.stdout, ...found.loaded]).toEqual([2, '']);
  });

  it('predictions that are there', async () => {
    const found = await heavy(['predict', '--run', at('stage2'), '--split', 'test', '--out', at('file')]);
    expect(found.stderr).toMatch(/file exists already; add --force to replace it/);
    expect([found.code, ...found.loaded]).toEqual([1]);
  });

  it('a folder without a model, and a run that cannot be resumed', async () => {
    const empty = await heavy(['evaluate', at('bare'), '--run', at('empty')]);
    expect(empty.stderr).toMatch(/empty has no model\.safetensors; expected a run/);
    const resumed = await heavy(['pretrain', '--run', at('empty'), '--resume']);
    expect(resumed.stderr).toContain('holds no pretrain run to resume');
    expect([empty.code, resumed.code, ...empty.loaded, ...resumed.loaded]).toEqual([1, 1]);
  });

  it('--images beside Icon-LT is wrong, whatever is there', async () => {
    const { code, stderr } = await cli(['pretrain', 'icon-lt-12', '--images', at('missing'), '--run', at('none')]);
    expect(stderr).toContain('--images is about data of your own; icon-lt-12 is drawn here');
    expect(code).toBe(2);
  });

  it('predict goes on where one picture of two is there, and gives programs their JSON', async () => {
    for (const args of [[at('no-model.safetensors')], ['--json']]) {
      const found = await heavy(['predict', '--run', at('no-model.safetensors'), at('missing.png'), ...args]);
      expect(found.stderr).not.toContain('expected a picture');
      expect(found.loaded).toContain('@tensorflow');
    }
  });
});
