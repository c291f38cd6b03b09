import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { unlike } from '../../data/formats/detect.js';
import type { Format } from '../../data/formats/listing.js';
import { check } from '../../errors.js';
import { expectPath } from '../../files/expectPath.js';
import { isFolder } from '../../files/folder.js';
import { type PaperPreset, paperPreset } from '../../presets/paper/index.js';
import { type DataFlags, givenData } from '../dataFlags.js';
import { dataName, isIconLt } from '../dataName.js';
import type { PresetFlags } from '../presetFlags.js';
import { say } from '../terminal.js';
import { storedConfig } from './storedRun.js';

/** What a run says of its data in config.json. */
interface RunData extends DataFlags {
  command?: string;
  data?: string;
  preset?: string;
}

/** The data of a command, how it is read, and the preset whose settings hold. */
export interface Inherited {
  data: string;
  how: DataFlags;
  preset?: PaperPreset;
  /** Whether the preset is one that the command line names rather than the run's. */
  presetIsNew: boolean;
}

/** Where the files lie holds for one place; how texts and shot groups are made for the same data anywhere. */
const PLACED = ['format', 'images', 'columns'] as const;
const MEANT = ['authorsText', 'shots'] as const;

/** config.json of a run, named by its folder or its model file. */
export async function runData(run: string | undefined): Promise<RunData> {
  if (run === undefined || !existsSync(run)) return {};
  const found: RunData = (await storedConfig(isFolder(run) ? run : dirname(run))) ?? {};
  // Models of other programs have a config.json, too.
  return typeof found.command === 'string' ? found : {};
}

/** Whether a folder is that of a run of ours, rather than of a model that another program keeps there. */
export const isRunFolder = async (path: string): Promise<boolean> =>
  isFolder(path) && (await runData(path)).command !== undefined;

const shown = (how: object): string =>
  Object.entries(how)
    .map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');

/** How a preset has its data read; another layout than the published one is left to be found out, which is said. */
function readAs({ name, data: { format, ...meant } }: PaperPreset, data: string, otherwise?: Format): DataFlags {
  const why = unlike(data, format);
  if (why === undefined) return { format, ...meant };
  if (otherwise !== format)
    say(`preset ${name}: ${why}; ${otherwise === undefined ? 'its layout is found out' : `read as ${otherwise}`}`);
  return meant;
}

/**
 * The data and its reading: as the command line names it, else as a preset that it names has it (a layout only where the
 * data has it), else as the run that the command starts from was told.
 * @param argument the data that the command line names; default: the run's
 * @throws VlltrError ERR_USAGE where neither names any data
 */
export async function inherit(
  argument: string | undefined,
  flags: DataFlags & PresetFlags,
  run: string | undefined,
): Promise<Inherited> {
  const before = await runData(run);
  const data = argument ?? before.data;
  if (data === undefined && run !== undefined) expectPath(run, 'a run', 'ERR_USAGE');
  check(data !== undefined, 'ERR_USAGE', () => {
    return run === undefined
      ? 'name the data, or a run that knows it'
      : `${run} does not say which data it is of: name the data`;
  });
  const named = flags.preset === 'none' ? undefined : flags.preset;
  const preset = named ?? (before.preset !== undefined && !flags.preset ? paperPreset(before.preset) : undefined);
  check(!preset || !isIconLt(data), 'ERR_USAGE', () => {
    return `--preset ${preset!.name} is for ${preset!.title}; ${data} has settings of its own`;
  });
  const keys = before.data === dataName(data) ? [...PLACED, ...MEANT] : MEANT;
  const inherited: DataFlags = Object.fromEntries(
    keys.flatMap((key) => (before[key] === undefined || isIconLt(data) ? [] : [[key, before[key]]])),
  );
  const given = givenData(data, flags);
  const own: DataFlags = named ? readAs(named, data, given.format ?? inherited.format) : {};
  const how = { ...inherited, ...own, ...given };
  const told = Object.fromEntries(Object.entries(inherited).filter(([key]) => !(key in given) && !(key in own)));
  if (preset && preset !== named) say(`preset ${preset.name}, as ${run} has it`);
  if (Object.keys(told).length > 0) say(`data as ${run} has it: ${shown(told)}`);
  return { data, how, preset, presetIsNew: named !== undefined };
}
