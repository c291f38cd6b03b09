import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { check } from '../../errors.js';
import { writeJson } from '../../files/atomic.js';
import { runtime } from '../../runtime/ready.js';
import { UNREADABLE_FILE } from '../../stages/unreadable.js';
import { checkpointFolder } from '../../training/loop.js';
import type { RunOptions } from '../options.js';
import { say } from '../terminal.js';
import { holdRun, refuseHeld } from './runLock.js';
import { refuseFile, type StoredConfig, storedConfig } from './storedRun.js';

/** Where a run keeps its evaluation on a split. */
export const evaluationFile = (split: 'val' | 'test', fiveCrop = false): string =>
  `evaluation-${split}${fiveCrop ? '-five-crop' : ''}.json`;

/** Files a finished or unfinished run leaves in its folder, beside checkpoints/ and the folders of a demo's seeds. */
const FILES = [
  'config.json',
  'metrics.jsonl',
  UNREADABLE_FILE,
  'summary.json',
  ...(['val', 'test'] as const).flatMap((split) => [false, true].map((five) => evaluationFile(split, five))),
  'model.safetensors',
  'anchors.safetensors',
  'anchors.json',
  'report.html',
];

/** Folders in which a demo keeps the trainings of each seed. */
const SEED_FOLDER = /^seed-\d+$/;

/** What of config.json says where a run ran rather than what it computes. */
const WHERE = ['backend', 'kernels', 'device', 'tensorflow', 'node'];
/** How often a run is saved and measured, and by how many threads its pictures are decoded, changes nothing in it. */
const RHYTHM = ['checkpointEvery', 'evaluateEvery', 'workers', 'maxUnreadable'];

const seedFolders = async (dir: string): Promise<string[]> =>
  (await readdir(dir).catch(() => [] as string[])).filter((name) => SEED_FOLDER.test(name));

/**
 * Refuses a run folder that holds something the command would destroy: another command's run always, its own without
 * --resume or --force, one that is still running always. Nothing is written yet.
 * @param startsOver its own finished run is replaced without --force
 * @throws VlltrError ERR_CHECKPOINT
 */
export async function refuseOccupied(options: RunOptions, command: string, startsOver = false): Promise<void> {
  const { run, resume, force } = options;
  refuseHeld(run);
  refuseFile(run);
  const config = await storedConfig(run);
  const checkpoints = await readdir(checkpointFolder(run)).catch(() => [] as string[]);
  // A model beside checkpoints, and no summary: it was trained, and killed before it was evaluated.
  const trained = existsSync(join(run, 'model.safetensors')) && checkpoints.length === 0;
  const finished = existsSync(join(run, 'summary.json')) || trained;
  if (!finished && checkpoints.length === 0 && (await seedFolders(run)).length === 0) {
    if (resume) say(`${run} has no checkpoint yet; starting at step 0`);
    return;
  }
  const state = finished ? 'a finished' : 'an unfinished';
  const holder = config?.command ?? 'foreign';
  check(
    holder === command,
    'ERR_CHECKPOINT',
    () => `${run} holds ${state} ${holder} run; give ${command} a folder of its own with --run`,
  );
  if (finished && startsOver && !resume && !force) {
    say(`${run} holds a finished ${command} run: starting over`);
    return;
  }
  check(resume || force, 'ERR_CHECKPOINT', () => {
    const choice = finished ? 'choose another --run' : 'add --resume to go on';
    return `${run} holds ${state} ${command} run; ${choice}, or --force to replace it`;
  });
}

/**
 * Begins a run: with --resume its configuration must be the stored one; otherwise what an earlier run left is removed
 * and the whole configuration, defaults included, is written to config.json.
 * The folder is this process's until it ends.
 * @param commandLine what was said of the run (`told`)
 * @throws VlltrError ERR_CHECKPOINT naming every setting that differs, or the process that runs there
 */
export async function beginRun(
  options: RunOptions,
  command: string,
  configuration: object,
  commandLine: StoredConfig['commandLine'] = {},
): Promise<void> {
  const { run, seed } = options;
  const wanted = { command, seed, ...configuration };
  await holdRun(run);
  const before = options.resume ? await storedConfig(run) : undefined;
  if (before) {
    const { commandLine: told, ...begun } = before;
    const changes = differences(begun, wanted);
    check(changes.length === 0, 'ERR_CHECKPOINT', () => {
      const what = `${run} was begun with another configuration (${changes.join(', ')})`;
      if (told === undefined) return `${what}, and does not say by which options: give those again`;
      return differences(told, commandLine).length > 0
        ? `${what}; leave those options out to resume it with its own`
        : `${what}, though by the same options: files or defaults have changed since`;
    });
    return;
  }
  for (const file of FILES) await rm(join(run, file), { force: true });
  await rm(checkpointFolder(run), { recursive: true, force: true });
  for (const folder of await seedFolders(run)) await rm(join(run, folder), { recursive: true });
  const { backend, kernels, device, tensorflow } = runtime();
  const where = { backend, kernels, device, tensorflow, node: process.version };
  await writeJson(join(run, 'config.json'), { ...wanted, ...where, commandLine });
}

/** Dotted keys whose values differ, as `key: then → now`. */
function differences(then: unknown, now: unknown): string[] {
  const [a, b] = [flatten(then), flatten(now)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => a.get(key) !== b.get(key) && !WHERE.includes(key) && !RHYTHM.includes(key.split('.').at(-1)!))
    .map((key) => `${key}: ${a.get(key) ?? 'absent'} → ${b.get(key) ?? 'absent'}`);
}

function flatten(value: unknown, key = '', into = new Map<string, string>()): Map<string, string> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [name, v] of Object.entries(value)) if (v !== undefined) flatten(v, key ? `${key}.${name}` : name, into);
  } else into.set(key, JSON.stringify(value));
  return into;
}
