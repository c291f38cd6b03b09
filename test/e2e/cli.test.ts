import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { percent } from '../../lib/report/format.js';
import { cli } from '../support/cli.js';
import { COLOURS, writePictures } from '../support/pictures.js';
import { FAST, workspace } from '../support/workspace.js';

/** Captions and row names of a report's tables of results. */
const shotTables = (page: string): string[] =>
  [...page.matchAll(/<caption>(.*?)<\/caption>[\s\S]*?<tbody>([\s\S]*?)<\/tbody>/g)].map(
    ([, caption, body]) =>
      `${caption}: ${[...body!.matchAll(/<th scope="row">(.*?)<\/th>/g)].map(([, name]) => name).join(', ')}`,
  );

/** The figures of a row. */
const tableRow = (page: string, name: string): string[] =>
  [...(page.split(`<th scope="row">${name}</th>`)[1] ?? '').split('</tr>')[0]!.matchAll(/>([\d.–]+)</g)].map(
    ([, figure]) => figure!,
  );

const { at, json, from, fill } = workspace('cli');
beforeAll(async () => {
  await fill();
  await writePictures(at('plain'), [8, 4, 2], ['train']);
});

describe("a user's own pictures, from a model made on the spot", () => {
  it('stage 1 learns: the loss falls, the texts find their pictures', async () => {
    const args = ['--run', at('s1'), '--steps', '60', '--beta', '0', '--smoothing', '0', ...FAST];
    const done = await cli(['pretrain', at('split'), ...from(), ...args, '--json']);
    expect(done.code, done.stderr).toBe(0);
    const summary = JSON.parse(done.stdout);
    expect(summary).toEqual(json('s1', 'summary.json'));
    const { start, stage1 } = summary.evaluations.test;
    expect(stage1.rows.map((r: { name: string }) => r.name)).toEqual([
      'class-mean',
      'nearest-sentence',
      'five-nearest',
    ]);
    expect(stage1.rows[0].all).toBeGreaterThan(60);
    expect(stage1.rows[0].all).toBeGreaterThan(start.rows[0].all);
    expect(stage1.rows[0].byClassMean.all).toBeGreaterThan(60);
    expect(json('s1', 'config.json').options.sampler).toBe('sqrt');
    const page = readFileSync(at('s1', 'report.html'), 'utf8');
    expect(shotTables(page)).toEqual([
      'Over all test pictures; as the mean over classes the same: before (zero-shot), class-mean, nearest-sentence, five-nearest',
    ]);
    const row = tableRow(page, 'class-mean');
    expect(row).toEqual(['all', 'many', 'medium', 'few'].map((group) => percent(stage1.rows[0][group])));
    expect(page).toContain(`${stage1.textToImage.toFixed(1)} % of the sentences`);
    const val = await cli(['evaluate', at('split'), '--run', at('s1'), '--split', 'val']);
    expect(val.code, val.stderr).toBe(0);
    expect(shotTables(readFileSync(at('s1', 'report.html'), 'utf8'))).toEqual([
      'Over all validation pictures; as the mean over classes the same: class-mean, nearest-sentence, five-nearest',
    ]);
  });

  it('anchors are listed by class, the least loss first', async () => {
    const args = ['anchors', at('split'), '--run', at('s1'), '--anchors', '3'];
    const done = await cli([...args, '--json']);
    expect(done.code, done.stderr).toBe(0);
    const listing = JSON.parse(done.stdout);
    expect(listing).toEqual(json('s1', 'anchors.json'));
    expect(Object.keys(listing)).toEqual(['coal', 'fire engine', 'grass']);
    const losses = listing.coal.map((a: { loss: number }) => a.loss);
    expect(losses).toHaveLength(3);
    expect(losses).toEqual([...losses].sort((a, b) => a - b));
    const again = await cli(args);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('--force');
  });

  it('stage 2 takes those anchors, learns, and is evaluated beside a baseline', async () => {
    const steps = ['--steps', '40', '--encoder-rate', '1', ...FAST];
    const done = await cli(['finetune', at('split'), '--from', at('s1'), '--run', at('s2'), ...steps]);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toContain(at('s1', 'anchors.safetensors'));
    expect(done.stderr).toContain('chosen on the validation split');
    expect(existsSync(at('s2', 'anchors.safetensors'))).toBe(false);
    const baseline = ['--head', 'mlp', '--run', at('base'), '--steps', '3', ...FAST];
    const plain = await cli(['finetune', at('split'), ...from(), ...baseline]);
    expect(plain.code, plain.stderr).toBe(0);
    const found = await cli(['evaluate', at('split'), '--run', at('s2'), '--baseline', at('base'), '--json']);
    expect(found.code, found.stderr).toBe(0);
    const { results, pictures: count } = JSON.parse(found.stdout);
    expect(results.map((r: { name: string }) => r.name)).toEqual(['baseline', 'visual', 'text', 'both']);
    expect(count).toBe(6);
    expect(results[3].all).toBeGreaterThan(80);
    expect(results[3].perClass).toHaveLength(3);
    expect(json('s2', 'evaluation-test.json').results).toEqual(results);
    const other = await cli(['evaluate', at('split'), '--run', at('s2'), '--split', 'val']);
    expect(other.stdout).toContain('split, val: 6 pictures');
  });

  it('predict sees what evaluation sees, whatever the size of the picture', async () => {
    const file = at('large.jpg');
    await sharp({ create: { width: 300, height: 200, channels: 3, background: COLOURS.grass } })
      .jpeg()
      .toFile(file);
    const done = await cli(['predict', file, '--run', at('s2'), '--top', '2', '--explain', '--json']);
    expect(done.code, done.stderr).toBe(0);
    const [{ guesses, explanation }] = JSON.parse(done.stdout).predictions;
    expect(guesses).toHaveLength(2);
    expect(guesses[0].class).toBe('grass');
    expect(explanation.sentences).toHaveLength(3);
    const sum = explanation.sentences.reduce((s: number, e: { share: number }) => s + e.share, 0);
    expect(sum).toBeCloseTo(explanation.logit, 4);
    const vision = await cli(['predict', file, '--run', at('base'), '--explain']);
    expect(vision.code).toBe(1);
    expect(vision.stderr).toContain('vision-only');
  });

  it('without val and test it trains all the same, says so, and cannot be evaluated', async () => {
    const args = ['--run', at('alone'), '--steps', '2', '--anchors', '2', ...FAST];
    const done = await cli(['finetune', at('plain'), ...from(), ...args]);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toContain('α = 0.5: plain has no validation split');
    expect(done.stdout).toContain('neither val nor test');
    expect(json('alone', 'summary.json')).toMatchObject({ alpha: 0.5, alphaChosenOn: 'default', results: {} });
    const found = await cli(['evaluate', at('plain'), '--run', at('alone')]);
    expect(found.code).toBe(1);
    expect(found.stderr).toContain('plain has no pictures in its test split');
    const scored = await cli([
      ...['finetune', at('plain'), ...from(), '--run', at('scored'), '--split', 'val', '--steps', '1'],
      ...FAST,
    ]);
    expect(scored.code).toBe(1);
    expect(scored.stderr).toContain('anchors cannot be scored on the val split');
  });
});

it('training refuses what check calls not ready: one class alone', async () => {
  mkdirSync(at('alone-class', 'train', 'coal'), { recursive: true });
  writeFileSync(at('alone-class', 'train', 'coal', '0.png'), readFileSync(at('plain', 'train', 'coal', '0.png')));
  expect((await cli(['check', at('alone-class')])).code).toBe(1);
  const done = await cli(['pretrain', at('alone-class'), ...from(), '--run', at('o1'), '--steps', '1']);
  expect(done.code).toBe(1);
  expect(done.stderr).toContain('has one class, coal; expected two or more');
});

describe('--hold-out, for a folder without val', () => {
  const share = ['--hold-out', '0.25'];

  it('check shows what it would take', async () => {
    const done = await cli(['check', at('plain'), '--fast', ...share]);
    expect(done.stdout).toContain('pictures: train 10, val 4');
    expect(done.stdout).toContain('val: 4 pictures of 3 classes, held out of train (--hold-out 0.25)');
  });

  it('stage 1 trains without those pictures, and every later command leaves out the same', async () => {
    const done = await cli(['pretrain', at('plain'), ...from(), '--run', at('h1'), '--steps', '2', ...share, ...FAST]);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toContain('pictures: train 10, val 4');
    expect(json('h1', 'config.json').holdOut).toBe(0.25);
    expect(json('h1', 'summary.json').evaluations.val.stage1.rows[0].all).not.toBeNull();

    // Another seed of the run holds out no other pictures.
    const args = [
      'finetune',
      at('plain'),
      '--from',
      at('h1'),
      '--seed',
      '5',
      '--steps',
      '2',
      '--anchors',
      '2',
      ...FAST,
    ];
    const tuned = await cli([...args, '--run', at('h2')]);
    expect(tuned.code, tuned.stderr).toBe(0);
    expect(json('h2', 'config.json')).toMatchObject({ holdOut: 0.25, digest: json('h1', 'config.json').digest });
    expect(json('h2', 'summary.json').alphaChosenOn).toBe('val');
    const other = await cli([...args, '--run', at('h3'), '--hold-out', '0.5']);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(
      /trained with --hold-out 0\.25: with 0\.5 it would be validated on pictures it has seen/,
    );

    const found = await cli(['evaluate', at('plain'), '--run', at('h2'), '--split', 'val', '--json']);
    expect(found.code, found.stderr).toBe(0);
    expect(JSON.parse(found.stdout).pictures).toBe(4);
    const base = ['finetune', at('plain'), ...from(), '--run', at('h4'), '--head', 'linear', '--steps', '1', ...FAST];
    expect((await cli(base)).code).toBe(0);
    const beside = await cli(['evaluate', at('plain'), '--run', at('h2'), '--split', 'val', '--baseline', at('h4')]);
    expect(beside.code).toBe(1);
    expect(beside.stderr).toContain('their val differs');
  });

  it('says where there is nothing to hold out', async () => {
    const done = await cli([
      ...['pretrain', at('split'), ...from(), '--run', at('h5'), '--steps', '1', ...share],
      ...FAST,
    ]);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toContain('split: nothing is held out, it has a split val');
    expect((await cli(['pretrain', at('plain'), '--hold-out', '0.6'])).code).toBe(2);
  });
});

describe('models and data that do not fit', () => {
  const refusals: [string, () => string[], RegExp][] = [
    [
      'a classifier where a CLIP model is wanted',
      () => ['pretrain', at('split'), '--from', at('s2'), '--run', at('z')],
      /is a classifier \(vl-ltr finetune\); expected a CLIP model/,
    ],
    [
      'a checkpoint where a model is wanted',
      () => ['predict', at('large.jpg'), '--run', at('s1', 'checkpoints', 'pretrain-60.safetensors')],
      /is a training checkpoint/,
    ],
    ['a file that is no model', () => ['predict', at('large.jpg'), '--run', at('large.jpg')], /large\.jpg/],
    ['a stage-1 model of other classes', () => ['anchors', at('other'), '--run', at('s1'), '--force'], /lacks grass/],
    ['a class without pictures', () => ['pretrain', at('hollow'), ...from(), '--run', at('z')], /moss has no pictures/],
  ];
  it.each(refusals)('%s', async (_, args, message) => {
    mkdirSync(at('hollow', 'train', 'moss'), { recursive: true });
    for (const label of ['coal', 'fire_engine', 'moss']) {
      mkdirSync(at('other', 'train', label), { recursive: true });
      await sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
        .png()
        .toFile(at('other', 'train', label, '0.png'));
    }
    const found = await cli(args());
    expect(found.stderr).toMatch(message);
    expect(found.code).toBe(1);
    expect(found.stdout).toBe('');
    expect(existsSync(at('z'))).toBe(false);
  });

  it('pictures that cannot be read end the run, all of them named, and what was trained stays', async () => {
    await writePictures(at('torn'), [4, 3, 2], ['train', 'test']);
    const torn = ['coal', 'grass'].map((label) => at('torn', 'test', label, '0.png'));
    for (const file of torn) writeFileSync(file, 'no picture');
    const args = ['pretrain', at('torn'), ...from(), '--run', at('torn-run'), '--steps', '3', ...FAST];
    const broken = await cli(args);
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain('2 of 6 pictures cannot be read:');
    for (const file of torn) expect(broken.stderr).toContain(`${file} cannot be read: it is no picture`);
    expect(existsSync(at('torn-run', 'model.safetensors'))).toBe(true);
    for (const file of torn) rmSync(file);
    const resumed = await cli([...args, '--resume', '--json']);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout).evaluations.test.stage1.rows[0].all).not.toBeNull();
  });
});
