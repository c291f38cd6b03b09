import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { writePictures } from '../support/pictures.js';
import { command } from '../support/program.js';
import { FAST, workspace } from '../support/workspace.js';

const { at, json, from, fill } = workspace('unreadable');
const BAD = ['coal/0.png', 'grass/1.png'];
const bad = (data = 'torn') => BAD.map((name) => at(data, 'test', ...name.split('/')));

const evaluate = (data: string, ...more: string[]) => command('evaluate', at(data), '--run', at('s2'), ...more);

beforeAll(async () => {
  await fill();
  await writePictures(at('torn'), [6, 4, 2], ['train', 'test']);
  cpSync(at('torn'), at('without'), { recursive: true });
  for (const file of bad('without')) rmSync(file);
  const args = ['--run', at('s2'), '--head', 'linear', '--steps', '3', ...FAST];
  await command('finetune', at('torn'), ...from(), ...args);
  writeFileSync(bad()[0]!, 'no picture');
  writeFileSync(bad()[1]!, '');
});

afterEach(() => {
  for (const name of ['evaluation-test.json', 'evaluation-test-five-crop.json', 'report.html'])
    rmSync(at('s2', name), { force: true });
});

it('pictures that cannot be read are an error that names them all, and the way round', async () => {
  const refused = evaluate('torn');
  await expect(refused).rejects.toMatchObject({ code: 'ERR_DATA' });
  await expect(refused).rejects.toThrow(
    /2 of 6 pictures cannot be read:\n.*\n.*\n.*--skip-unreadable evaluates the other 4/,
  );
  for (const file of bad()) await expect(refused).rejects.toThrow(`picture ${file} cannot be read: `);
  expect(existsSync(at('s2', 'evaluation-test.json'))).toBe(false);
});

it.each([[[]], [['--five-crop']]])(
  '--skip-unreadable gives the figures of the others, and says which (%s)',
  async (crops) => {
    const { stdout, stderr } = await evaluate('torn', '--skip-unreadable', ...crops, '--json');
    const found = JSON.parse(stdout);
    const { leftOut, data: _, ...figures } = found;
    expect(leftOut.map(({ image }: { image: string }) => image)).toEqual(BAD.map((name) => `test/${name}`));
    const reasons = ['it is no picture of a format that is read', 'the file is empty'];
    for (const [i, { error }] of leftOut.entries()) {
      expect(error).toContain(`${bad()[i]} cannot be read: ${reasons[i]}`);
      expect(stderr).toContain(error);
    }
    expect(found.pictures).toBe(4);
    const file = crops.length ? 'evaluation-test-five-crop.json' : 'evaluation-test.json';
    expect(json('s2', file)).toEqual(found);
    const page = readFileSync(at('s2', 'report.html'), 'utf8');
    expect(page).toMatch(/<caption>Over the readable test pictures/);
    expect(page).toContain(`2 of 6 pictures, which cannot be read (${file} names them)`);
    const { data: __, ...whole } = JSON.parse((await evaluate('without', ...crops, '--json')).stdout);
    expect(figures).toEqual(whole);
    const { stdout: shown } = await evaluate('torn', '--skip-unreadable', ...crops);
    expect(shown).toContain('left out: 2 of 6 pictures, which cannot be read\n');
  },
);

it('--skip-unreadable is no word where all can be read', async () => {
  const { stdout, stderr } = await evaluate('without', '--skip-unreadable', '--json');
  expect(JSON.parse(stdout)).toEqual(JSON.parse((await evaluate('without', '--json')).stdout));
  expect(stderr).not.toContain('left out');
  expect(readFileSync(at('s2', 'report.html'), 'utf8')).toContain('<caption>Over all test pictures');
});

it('pictures of which none can be read are an error all the same', async () => {
  cpSync(at('torn', 'train'), at('hollow', 'train'), { recursive: true });
  cpSync(at('torn', 'test'), at('hollow', 'test'), { recursive: true });
  for (const label of ['coal', 'fire_engine', 'grass'])
    for (const i of [0, 1]) writeFileSync(at('hollow', 'test', label, `${i}.png`), 'no picture');
  await expect(evaluate('hollow', '--skip-unreadable')).rejects.toThrow(/^6 of 6 pictures cannot be read:/);
});

it('a training that they stop at its end loses nothing, and is told how it goes on', async () => {
  cpSync(at('torn'), at('mended'), { recursive: true });
  const args = ['--run', at('s3'), '--head', 'linear', '--steps', '3', ...FAST];
  const stopped = command('finetune', at('mended'), ...from(), ...args);
  const goesOn = `Nothing of the run is lost: vl-ltr finetune --run ${at('s3')} --resume goes on when they are mended`;
  await expect(stopped).rejects.toThrow(/^2 of 6 pictures cannot be read:\n/);
  await expect(stopped).rejects.toThrow(goesOn);
  const weights = readFileSync(at('s3', 'model.safetensors'));
  for (const file of bad('mended')) rmSync(file);
  await command('finetune', '--run', at('s3'), '--resume');
  expect(readFileSync(at('s3', 'model.safetensors'))).toEqual(weights);
  expect(json('s3', 'summary.json').results.test).toHaveLength(1);
});
