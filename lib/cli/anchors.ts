import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { check } from '../errors.js';
import { ready } from '../runtime/ready.js';
import { tf } from '../runtime/tf.js';
import { listAnchors } from '../stages/anchorFile.js';
import { type AnchorFlags, anchorFlags, anchorOptions, makeAnchors } from './anchorFlags.js';
import { dataName, integer, openData, print } from './common.js';
import { checkTrainedOn, openClip } from './models.js';
import { say, table } from './terminal.js';

interface AnchorsCommand extends AnchorFlags {
  run: string;
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

async function run(dataArgument: string, flags: AnchorsCommand): Promise<void> {
  const options = anchorOptions(dataArgument, flags);
  if (flags.dryRun) {
    return print({ command: 'anchors', run: flags.run, seed: flags.seed, data: dataName(dataArgument), options });
  }
  const file = join(flags.run, 'anchors.safetensors');
  check(flags.force || !existsSync(file), 'ERR_CHECKPOINT', () => `${file} exists already; add --force to replace it`);
  await ready();
  const model = await openClip(flags.run);
  const data = await openData(dataArgument, model.config.visual.imageSize);
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

/** Adds `vl-ltr anchors`. */
export function register(program: Command): void {
  const command = program
    .command('anchors')
    .description('choose the anchor sentences of every class with a stage-1 model')
    .argument('<data>', 'the data the stage-1 run was trained on')
    .option('--run <dir>', 'folder of the stage-1 run; the anchors go there', 'runs/stage1');
  anchorFlags(command)
    .option('--seed <n>', 'seed of every random draw', integer, 0)
    .option('--force', 'replace the anchors that the folder holds')
    .option('--dry-run', 'print the configuration and stop')
    .option('--json', 'print class → [{sentence, loss}] on stdout')
    .addHelpText(
      'after',
      `
Anchor sentence selection (AnSS): the loss of a sentence is the mean, over pictures of its class, of −log softmax over
all pictures of its similarity; the M sentences of least loss become the anchors of their class. They are written to
anchors.safetensors (embeddings) and anchors.json (class → [{sentence, loss}]) in the run folder.
vl-ltr finetune does this itself where a stage-1 run has no anchors.

  vl-ltr anchors pictures --run runs/stage1 --anchors 64
  vl-ltr anchors icon-lt-100 --run runs/stage1 --choice random --force --json`,
    )
    .action(run);
}
