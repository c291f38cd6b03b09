import { type Command, InvalidArgumentError, Option } from 'commander';
import { VlltrError } from '../errors.js';
import { PAPER_PRESETS, type PaperPreset, paperPreset } from '../presets/paper/index.js';
import { settingsFlag } from './settings.js';

/** `--preset`: a preset of the paper by its name, or none of those that a run was begun with. */
export interface PresetFlags {
  preset?: PaperPreset | 'none';
}

function preset(name: string): PaperPreset | 'none' {
  if (name === 'none') return name;
  try {
    return paperPreset(name);
  } catch (error) {
    if (!(error instanceof VlltrError)) throw error;
    throw new InvalidArgumentError(error.message);
  }
}

/** Adds `--preset` and `--set`. */
export function presetFlags(command: Command, otherwise: string): Command {
  const names = PAPER_PRESETS.map(({ name }) => name).join(', ');
  return settingsFlag(command).addOption(
    new Option(
      '--preset <name>',
      `settings of a run of the paper (${names}), or none; default: ${otherwise}`,
    ).argParser(preset),
  );
}
