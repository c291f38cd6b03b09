import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { planAnchors } from '../../lib/cli/actions/anchorPlan.js';
import type { FinetuneCommand } from '../../lib/cli/actions/finetuneSettings.js';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { fileDigest, saveAnchors } from '../../lib/stages/anchorFile.js';
import type { AnchorOptions } from '../../lib/stages/options.js';

beforeAll(async () => {
  await ready({ backend: 'cpu', kernels: 'tfjs' });
});
let runs: string;
let stage1: string;
let file: string;
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'vlltr-plan-'));
  stage1 = join(runs, 's1');
  file = join(stage1, 'anchors.safetensors');
  for (const name of ['s1', 's2']) mkdirSync(join(runs, name));
  writeFileSync(join(stage1, 'model.safetensors'), 'weights');
});
afterEach(() => rmSync(runs, { recursive: true }));

const OPTIONS: AnchorOptions = { anchors: 3, choice: 'anss', imagesPerClass: 5, split: 'train' };

/** What `vl-ltr anchors` leaves in the stage-1 run. */
async function chooseAnchors(): Promise<void> {
  const model = await fileDigest(join(stage1, 'model.safetensors'));
  const anchors = { embeddings: tf.zeros([1, 1, 2]) as tf.Tensor3D, counts: [1], sentences: [['a lark']] };
  await saveAnchors(file, anchors, { classes: ['lark'], sentences: [['a lark']], options: OPTIONS, seed: 0, model }, [
    [null],
  ]);
}

const plan = (more: Partial<FinetuneCommand> = {}) =>
  planAnchors('pictures', { run: join(runs, 's2'), seed: 0, head: 'lgr', from: stage1, ...more } as FinetuneCommand);

describe('where the anchors of stage 2 come from', () => {
  it('the stage-1 run that has some, unless others are asked for', async () => {
    expect((await plan()).file).toBeUndefined();
    await chooseAnchors();
    expect(await plan()).toEqual({ file, digest: await fileDigest(file), options: OPTIONS });
    expect(await plan({ anchors: 2 })).toEqual({ options: expect.objectContaining({ anchors: 2 }) });
    writeFileSync(join(stage1, 'model.safetensors'), 'other weights');
    expect((await plan()).file).toBeUndefined();
  });

  it('a resumed run keeps to its own, whether or not stage 1 was given some since', async () => {
    const begin = (anchors: object) =>
      writeFileSync(join(runs, 's2', 'config.json'), JSON.stringify({ command: 'finetune', anchors }));
    const own = await plan();
    begin(own);
    await chooseAnchors();
    expect(await plan({ resume: true })).toEqual(own);
    expect((await plan()).file).toBe(file);
    begin(await plan());
    expect((await plan({ resume: true })).file).toBe(file);
  });
});
