import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { check } from '../../errors.js';
import { ready } from '../../runtime/ready.js';
import { tf } from '../../runtime/tf.js';
import { listAnchors } from '../../stages/anchorFile.js';
import { type AnchorFlags, anchorOptions } from '../anchorFlags.js';
import type { DataFlags } from '../dataFlags.js';
import { dataName } from '../dataName.js';
import type { PresetFlags } from '../presetFlags.js';
import { withSet } from '../settings.js';
import { print, say, table } from '../terminal.js';
import { printSettings } from './dryRun.js';
import { inherit } from './inherit.js';
import { makeAnchors } from './makeAnchors.js';
import { checkTrainedOn, holdOutFor, openClip } from './models.js';
import { openData } from './openData.js';

/** The options of the command line. */
export interface AnchorsCommand extends AnchorFlags, DataFlags, PresetFlags {
  run: string;
  set?: string[];
  seed: number;
  force?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** Classes shown to people; --json and anchors.json have them all. */
const CLASSES_SHOWN = 30;
const SENTENCE_WIDTH = 60;

const shortened = (text: string): string =>
  text.length > SENTENCE_WIDTH ? `${text.slice(0, SENTENCE_WIDTH - 1)}…` : text;

/** Runs `vl-ltr anchors`. */
export async function run(argument: string | undefined, given: AnchorsCommand): Promise<void> {
  const flags = withSet(given, 'anchors');
  const { data: dataArgument, how, preset } = await inherit(argument, flags, flags.run);
  const options = anchorOptions(dataArgument, flags, preset);
  if (flags.dryRun) {
    const { run, seed } = flags;
    const data = dataName(dataArgument);
    return printSettings({ command: 'anchors', run, seed, data, ...how, preset: preset?.name, options }, flags.json);
  }
  const file = join(flags.run, 'anchors.safetensors');
  check(flags.force || !existsSync(file), 'ERR_CHECKPOINT', () => `${file} exists already; add --force to replace it`);
  await ready();
  const model = await openClip(flags.run);
  const data = await openData(dataArgument, model.config.visual.imageSize, holdOutFor(model, undefined), how);
  checkTrainedOn(model, data);
  const { anchors, losses } = await makeAnchors(file, data, model, options, flags.seed);
  const listing = listAnchors(data.classes, anchors, losses);
  tf.dispose([model.params, anchors.embeddings]);
  if (flags.json) print(listing);
  else {
    const rows = Object.entries(listing).map(([name, list]) => [
      name,
      list.length,
      list[0]!.loss === null ? null : list[0]!.loss.toFixed(3),
      shortened(list[0]!.sentence).padEnd(SENTENCE_WIDTH),
    ]);
    print(table(['class', 'anchors', 'loss', 'first sentence'.padEnd(SENTENCE_WIDTH)], rows.slice(0, CLASSES_SHOWN)));
    if (rows.length > CLASSES_SHOWN) print(`… and ${rows.length - CLASSES_SHOWN} more classes in anchors.json`);
  }
  say(
    `${file} and anchors.json: ${anchors.counts.reduce((a, b) => a + b, 0)} anchors of ${data.classes.length} classes`,
  );
}
