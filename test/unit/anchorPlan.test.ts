import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { anchorsFor, planAnchors } from '../../lib/cli/actions/anchorPlan.js';
import type { FinetuneCommand } from '../../lib/cli/actions/finetuneSettings.js';
import type { LongTailData } from '../../lib/data/types.js';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { fileDigest, saveAnchors } from '../../lib/stages/anchorFile.js';
import type { AnchorOptions } from '../../lib/stages/options.js';

const makeAnchors = vi.hoisted(() => vi.fn());
vi.mock('../../lib/cli/actions/makeAnchors.js', () => ({ makeAnchors }));

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

/** What `vl-ltr anchors` leaves in the stage-1 run, or a run of stage 2 in its own folder. */
async function chooseAnchors(file: string): Promise<void> {
  const model = await fileDigest(join(stage1, 'model.safetensors'));
  const embeddings = tf.tensor3d([0.5, 0.1], [1, 1, 2]);
  const anchors = { embeddings, counts: [1], sentences: [['a lark']] };
  await saveAnchors(file, anchors, { classes: ['lark'], sentences: [['a lark']], options: OPTIONS, seed: 0, model }, [
    [null],
  ]);
}

const plan = (more: Partial<FinetuneCommand> = {}) =>
  planAnchors('pictures', { run: join(runs, 's2'), seed: 0, head: 'lgr', from: stage1, ...more } as FinetuneCommand);

describe('where the anchors of stage 2 come from', () => {
  it('the stage-1 run that has some, unless others are asked for', async () => {
    expect((await plan()).file).toBeUndefined();
    await chooseAnchors(file);
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
    await chooseAnchors(file);
    expect(await plan({ resume: true })).toEqual(own);
    expect((await plan()).file).toBe(file);
    begin(await plan());
    expect((await plan({ resume: true })).file).toBe(file);
  });
});

describe('the anchors of stage 2', () => {
  const chosen = (more: Partial<FinetuneCommand>, options = OPTIONS) => {
    const data = { classes: ['lark'] } as LongTailData;
    const start = { path: join(stage1, 'model.safetensors') } as Parameters<typeof anchorsFor>[2];
    return anchorsFor({ options }, data, start, { run: join(runs, 's2'), seed: 0, ...more } as FinetuneCommand);
  };

  it('are read by a resumed run that has chosen them, rather than chosen again', async () => {
    const anew = { counts: [7] };
    makeAnchors.mockReset().mockResolvedValue({ anchors: anew });
    const own = join(runs, 's2', 'anchors.safetensors');
    expect(await chosen({ resume: true })).toBe(anew);
    await chooseAnchors(own);
    expect(await chosen({})).toBe(anew);
    expect(makeAnchors).toHaveBeenCalledTimes(2);
    const found = await chosen({ resume: true });
    expect([found.counts, found.sentences]).toEqual([[1], [['a lark']]]);
    expect(Array.from(found.embeddings.dataSync())).toEqual(Array.from(Float32Array.of(0.5, 0.1)));
    expect(makeAnchors).toHaveBeenCalledTimes(2);
    // Others than the run's are not: of another seed, other options, another model, or cut off.
    expect(await chosen({ resume: true, seed: 1 })).toBe(anew);
    expect(await chosen({ resume: true }, { ...OPTIONS, anchors: 2 })).toBe(anew);
    writeFileSync(own, readFileSync(own).subarray(0, -3));
    expect(await chosen({ resume: true })).toBe(anew);
    await chooseAnchors(own);
    writeFileSync(join(stage1, 'model.safetensors'), 'other weights');
    expect(await chosen({ resume: true })).toBe(anew);
  });
});
