import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveClip } from '../../lib/clip/checkpoint/index.js';
import { openPictures } from '../../lib/data/openPictures.js';
import { ready } from '../../lib/runtime/ready.js';
import { layouts } from '../support/layouts.js';
import { writePictures } from '../support/pictures.js';
import { command } from '../support/program.js';
import { tinyClip } from '../support/tinyClip.js';

const folder = mkdtempSync(join(tmpdir(), 'vl-ltr-readme-'));
const before = process.cwd();
const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
process.setMaxListeners(100);

beforeAll(async () => {
  await ready();
  process.chdir(folder);
  await layouts['imagenet-lt']('imagenet');
  await writePictures('pictures', [8, 4, 2], ['train', 'val', 'test']);
  copyFileSync('pictures/test/coal/0.png', 'photo.jpg');
  // By its first bytes a checkpoint is what it is, whatever its name.
  const model = tinyClip(await openPictures('imagenet', { imageSize: 16, authorsText: true }));
  await saveClip('RN50.pt', model.config, model.params);
  model.dispose();
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

/** The commands of a section's first block, without their comments. */
function commands(heading: string): string[] {
  const section = text.slice(text.indexOf(`## ${heading}\n`));
  const block = /```sh\n([\s\S]*?)```/.exec(section)![1]!;
  const lines = block.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim());
  return lines.filter((line) => line !== '');
}

/** What makes a training short; the rest of a command is as written. */
const SHORT: Record<string, string[]> = {
  'Reproduce the paper': ['--batch', '8', '--micro-batch', '4', '--epochs', '3'],
  'Your own data set in five minutes': ['--batch', '8', '--steps', '2'],
};

describe.each(Object.keys(SHORT))('README, %s', (heading) => {
  it.each(commands(heading))('%s', async (line) => {
    const [npx, name, ...args] = line.split(/\s+/);
    expect([npx, name]).toEqual(['npx', 'vl-ltr']);
    const short = /^(pretrain|finetune)$/.test(args[0]!) ? SHORT[heading]! : [];
    const small = args[0] === 'pretrain' && args.includes('--preset') ? ['--resolution', '16'] : [];
    const { stdout, stderr } = await command(...args, ...short, ...small);
    expect(stdout + stderr).not.toBe('');
    expect(process.exitCode ?? 0, stderr).toBe(0);
  });
});
