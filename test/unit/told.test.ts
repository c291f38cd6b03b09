import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { told } from '../../lib/cli/actions/told.js';
import { register as demo } from '../../lib/cli/demo.js';
import { register as finetune } from '../../lib/cli/finetune.js';
import type { RunOptions } from '../../lib/cli/options.js';
import { register as pretrain } from '../../lib/cli/pretrain.js';

let runs: string;
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'vlltr-told-'));
});
afterEach(() => rmSync(runs, { recursive: true }));

const commands = { pretrain, finetune, demo };

/** What a command makes of its command line before it does anything. */
async function parsed(name: keyof typeof commands, ...args: string[]) {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  commands[name](program);
  let found: Awaited<ReturnType<typeof told<RunOptions>>> | undefined;
  program.commands[0]!.action(async (...given: unknown[]) => {
    const [options, command] = given.slice(-2) as [RunOptions, Command];
    found = await told(command, given.length > 2 ? (given[0] as string | undefined) : undefined, options);
  });
  await program.parseAsync([name, ...args], { from: 'user' });
  return { flags: found!.flags as object as Record<string, unknown>, said: found!.said };
}

/** Begins a run as its command line says, as far as config.json is concerned. */
async function begin(name: keyof typeof commands, run: string, ...args: string[]) {
  const { flags, said } = await parsed(name, ...args, '--run', run);
  mkdirSync(run);
  writeFileSync(join(run, 'config.json'), JSON.stringify({ command: name, commandLine: said }));
  return flags;
}

const ARGS = [
  ...['pictures', '--steps', '7', '--seed', '3', '--from', 'weights.pt', '--images', 'photos', '--no-authors-text'],
  ...['--columns', 'path=file,label=species', '--set', 'augment.flip=0.25', 'microBatch=none', '--lr', '0.5', '--json'],
];

describe('a run that is resumed', () => {
  it('has every setting that it was begun with, whatever folder it is resumed from', async () => {
    const run = join(runs, 's1');
    const begun = await begin('pretrain', run, ...ARGS);
    const { flags, said } = await parsed('pretrain', '--run', run, '--resume');
    const files = { data: resolve('pictures'), from: resolve('weights.pt'), images: resolve('photos') };
    const { json, ...whole }: Record<string, unknown> = { ...begun, ...files, resume: true };
    expect(json).toBe(true); // is about that call alone
    expect(flags).toEqual(whole);
    expect(flags).toMatchObject({
      steps: 7,
      seed: 3,
      lr: 0.5,
      microBatch: null,
      view: { flip: 0.25 },
      authorsText: false,
    });
    expect(flags.columns).toEqual({ path: 'file', label: 'species' });
    expect(said).not.toHaveProperty('json');
  });

  it('has those that are given anew instead, for the run to compare', async () => {
    const run = join(runs, 's1');
    await begin('pretrain', run, ...ARGS);
    const resumed = async (...args: string[]) => (await parsed('pretrain', ...args, '--run', run, '--resume')).flags;
    expect(await resumed('--lr', '0.25')).toMatchObject({ lr: 0.25, steps: 7 });
    expect(await resumed('--set', 'learningRate=0.25')).toMatchObject({ lr: 0.25, steps: 7 });
    expect(await resumed('elsewhere')).toMatchObject({ data: 'elsewhere', lr: 0.5 });
    expect(await resumed('--seed', '0')).toMatchObject({ seed: 0 });
    const longer = await resumed('--epochs', '2');
    expect([longer.epochs, longer.steps]).toEqual([2, undefined]);
    const plain = await resumed('--augment', 'none');
    expect([plain.augment, plain.view]).toEqual(['none', undefined]);
    const photos = join(runs, 's3');
    await begin('pretrain', photos, 'pictures', '--augment', 'imagenet', '--set', 'augment.flip=0.5');
    const same = await parsed('pretrain', '--run', photos, '--resume', '--augment', 'imagenet');
    expect(same.flags).toMatchObject({ augment: 'imagenet', view: { flip: 0.5 } });
    const cropped = await resumed('--set', 'augment.scale=0.5,1');
    expect(cropped.view).toEqual({ flip: 0.25, scale: [0.5, 1] });
    const inEpochs = join(runs, 's2');
    await begin('pretrain', inEpochs, 'pictures', '--epochs', '4', '--set', 'warmupEpochs=1', 'evaluateEpochs=2');
    const { flags } = await parsed('pretrain', '--run', inEpochs, '--resume', '--steps', '9');
    expect([flags.steps, flags.epochs, flags.warmupEpochs, flags.evaluateEpochs]).toEqual([
      9,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('has its preset, or none, and a demo the data that is an option there', async () => {
    await begin('pretrain', join(runs, 'a'), 'pictures', '--preset', 'imagenet-lt-r50');
    const { flags } = await parsed('pretrain', '--run', join(runs, 'a'), '--resume');
    expect(flags.preset).toMatchObject({ name: 'imagenet-lt-r50', weights: { architecture: 'RN50' } });
    await begin('finetune', join(runs, 'b'), '--preset', 'none', '--head', 'mlp');
    const tuned = await parsed('finetune', '--run', join(runs, 'b'), '--resume');
    expect(tuned.flags).toMatchObject({ preset: 'none', head: 'mlp' });
    expect(tuned.flags.data).toBeUndefined(); // the stage-1 run says it
    await begin('demo', join(runs, 'c'), '--data', 'icon-lt-100', '--seeds', '2');
    expect((await parsed('demo', '--run', join(runs, 'c'), '--resume')).flags).toMatchObject({
      data: 'icon-lt-100',
      seeds: 2,
    });
    expect((await parsed('demo', '--run', join(runs, 'c'))).flags).toMatchObject({ data: 'icon-lt', seeds: 1 });
  });
});

describe('a run that is not there', () => {
  it('cannot be resumed: the folder is named, and runs of the command beside it', async () => {
    await begin('pretrain', join(runs, 'stage1'), 'pictures');
    await begin('finetune', join(runs, 'stage3'), 'pictures');
    const missing = parsed('pretrain', '--run', join(runs, 'stgae1'), '--resume');
    await expect(missing).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: `${join(runs, 'stgae1')} holds no pretrain run to resume; in ${runs}, did you mean stage1? (a new one begins without --resume)`,
    });
    mkdirSync(join(runs, 'apart', 'empty'), { recursive: true });
    const alone = parsed('pretrain', '--run', join(runs, 'apart', 'empty'), '--resume');
    await expect(alone).rejects.toThrow(/empty holds no pretrain run to resume \(a new one begins without --resume\)$/);
  });

  it('nor is one of another command, or a file', async () => {
    await begin('finetune', join(runs, 's2'), 'pictures');
    const other = parsed('pretrain', '--run', join(runs, 's2'), '--resume');
    await expect(other).rejects.toThrow(
      /s2 holds a finetune run; go on with it by vl-ltr finetune --run .*s2 --resume/,
    );
    writeFileSync(join(runs, 'file'), '');
    const file = parsed('pretrain', '--run', join(runs, 'file'), '--resume');
    await expect(file).rejects.toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringMatching(/file is a file; expected a folder/),
    });
  });
});
