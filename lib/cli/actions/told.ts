import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { check } from '../../errors.js';
import { suggestion } from '../../near.js';
import { type PaperPreset, paperPreset } from '../../presets/paper/index.js';
import { dataName } from '../dataName.js';
import type { RunOptions } from '../options.js';
import { hasSettings, withSet } from '../settings.js';
import { refuseFile, type StoredConfig, storedConfig } from './storedRun.js';

/** What is about one call of a command rather than about its run. */
const THIS_CALL = ['run', 'resume', 'force', 'dryRun', 'measure', 'json', 'licences'];
/** Options that name files, kept whole so that a run is resumed from any folder. */
const FILES = ['from', 'teacher', 'images', 'out'];

/** What an option given anew stands instead of, beside its own earlier value: the two would not go together. */
const INSTEAD = {
  steps: ['epochs', 'warmupEpochs', 'checkpointEpochs', 'evaluateEpochs'],
  epochs: ['steps'],
  augment: ['view'],
};

/** What a command is to do: as its command line says and, resumed, as the one that began the run did. */
export interface Told<F> {
  flags: F & { data?: string };
  /** What was said of the run rather than left to its defaults: for config.json. */
  said: NonNullable<StoredConfig['commandLine']>;
}

/**
 * A command's options, `--set` put in. With `--resume` those that the run was begun with hold where they are not given anew;
 * that the ones given do not differ is seen to as the run goes on (`beginRun`).
 * @param command knows which options were given
 * @param argument the data, where it is an argument
 * @throws VlltrError ERR_CHECKPOINT where there is no such run to resume, naming those beside it; ERR_USAGE as `withSet`
 */
export async function told<F extends RunOptions & { set?: string[] }>(
  command: Command,
  argument: string | undefined,
  { set, ...flags }: F,
): Promise<Told<F>> {
  const name = command.name();
  const named = Object.fromEntries(
    Object.entries(flags).filter(([key]) => command.getOptionValueSource(key) === 'cli' && !THIS_CALL.includes(key)),
  );
  const given: Record<string, unknown> = hasSettings(name) ? withSet({ ...named, set }, name) : named;
  if (argument !== undefined) given.data = argument;
  const before = flags.resume ? await begunWith(flags.run, name) : {};
  for (const [key, others] of Object.entries(INSTEAD)) {
    if (given[key] === undefined || given[key] === before[key]) continue;
    for (const other of others) delete before[other];
  }
  const said = { ...before, ...given };
  if (before.view && given.view) said.view = { ...before.view, ...given.view };
  return { flags: { ...flags, ...said } as unknown as Told<F>['flags'], said: kept(said) };
}

/** As config.json keeps them. */
function kept(said: object): Record<string, unknown> {
  const keep = (key: string, value: unknown): unknown => {
    if (key === 'preset' && typeof value === 'object') return (value as PaperPreset).name;
    if (key === 'data') return dataName(value as string);
    return FILES.includes(key) ? resolve(value as string) : value;
  };
  return Object.fromEntries(Object.entries(said).map(([key, value]) => [key, keep(key, value)]));
}

/** What the run in a folder was begun with. @throws VlltrError ERR_CHECKPOINT where there is none of that command */
async function begunWith(run: string, command: string): Promise<Record<string, unknown>> {
  refuseFile(run);
  const config = await storedConfig(run);
  const holder = config?.command;
  check(holder === undefined || holder === command, 'ERR_CHECKPOINT', () => {
    return `${run} holds a ${holder} run; go on with it by vl-ltr ${holder} --run ${run} --resume`;
  });
  if (holder === undefined) {
    const others = await runsIn(dirname(resolve(run)), command);
    const near = others.length > 0 ? `; in ${dirname(run)}, ${suggestion(basename(resolve(run)), others)}` : '';
    check(false, 'ERR_CHECKPOINT', () => {
      return `${run} holds no ${command} run to resume${near} (a new one begins without --resume)`;
    });
  }
  const { preset, ...said } = config!.commandLine ?? {};
  if (preset === undefined) return said;
  return { ...said, preset: preset === 'none' ? preset : paperPreset(preset as string) };
}

/** Names of the folders in `parent` that hold a run of a command. */
async function runsIn(parent: string, command: string): Promise<string[]> {
  const names = await readdir(parent).catch(() => [] as string[]);
  const runs = await Promise.all(
    names.map(async (name) => (await storedConfig(join(parent, name)).catch(() => undefined))?.command === command),
  );
  return names.filter((_, i) => runs[i]).sort();
}
