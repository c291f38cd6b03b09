import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli } from '../support/cli.js';

const root = mkdtempSync(join(tmpdir(), 'vl-ltr-at-once-'));
const at = (name: string): string => join(root, name);
afterAll(() => rmSync(root, { recursive: true, force: true }));

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

/** A model as far as its first bytes tell. */
function headed(file: string, header: object): void {
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(file, Buffer.concat([length, text]));
}

beforeAll(() => {
  mkdirSync(at('empty'));
  mkdirSync(at('bare/train/a'), { recursive: true });
  writeFileSync(at('file'), '<html>');
  writeFileSync(at('nothing'), '');
  headed(at('no-model.safetensors'), {});
  for (const [run, format] of [
    ['stage1', 'vl-ltr-clip'],
    ['stage2', 'vl-ltr-classifier'],
  ] as const) {
    mkdirSync(at(run));
    headed(at(`${run}/model.safetensors`), { __metadata__: { format } });
  }
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
  ['data of no known kind', 'evaluate', () => [at('file'), '--run', at('no-model.safetensors')], /file is a file; exp/],
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
  ['no class names', 'import', () => [at('stage1'), '--out', at('o'), '--classes', at('nothing')], /has 0 class names/],
  ['a folder of names', 'import', () => [at('stage1'), '--out', at('o'), '--classes', at('bare')], /bare is a folder/],
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
