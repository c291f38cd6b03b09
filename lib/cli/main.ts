#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { VlltrError } from '../errors.js';
import { register as anchors } from './anchors.js';
import { register as checkCommand } from './check.js';
import { register as clip } from './clip.js';
import { register as demo } from './demo.js';
import { register as doctor } from './doctor.js';
import { register as evaluate } from './evaluate.js';
import { register as exportCommand } from './export.js';
import { register as finetune } from './finetune.js';
import { register as importCommand } from './import.js';
import { register as predict } from './predict.js';
import { register as presets } from './presets.js';
import { register as pretrain } from './pretrain.js';
import { register as selftest } from './selftest.js';
import { register as setup } from './setup.js';
import { red, say, yellow } from './terminal.js';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('vl-ltr')
  .description('Long-tailed image recognition with language (VL-LTR, ECCV 2022).')
  .version(version)
  .showHelpAfterError('(add --help for the options)')
  .exitOverride()
  .configureOutput({ writeOut: (text) => process.stdout.write(text), writeErr: (text) => process.stderr.write(text) })
  .addHelpText(
    'after',
    `
A first run on your own pictures (train/<class>/*.jpg, optional val/ and test/):
  vl-ltr check    pictures                      what is there, what is wrong with it
  vl-ltr pretrain pictures --run runs/stage1    stage 1: pictures and sentences aligned
  vl-ltr anchors  pictures --run runs/stage1    the best sentences of each class
  vl-ltr finetune pictures --run runs/stage2 --from runs/stage1
  vl-ltr evaluate pictures --run runs/stage2
  vl-ltr predict  --run runs/stage2 --explain photo.jpg
The paper's runs: vl-ltr presets.

Exit codes: 0 done, 1 failed, 2 the command line was wrong, 130 interrupted (--resume goes on).
Environment: VLLTR_BACKEND=tensorflow|wasm|cpu  VLLTR_KERNELS=tensorflow|node|tfjs  VLLTR_DEVICE=auto|cuda|cpu  NO_COLOR`,
  );

const commands = [
  setup,
  doctor,
  checkCommand,
  clip,
  importCommand,
  presets,
  pretrain,
  anchors,
  finetune,
  evaluate,
  predict,
  demo,
  exportCommand,
  selftest,
];
for (const register of commands) register(program);

/** As a shell reports a process that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Commander's own complaints are usage errors (2), help and version are none (0), everything else failed (1). */
function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  // By name: the class comes with the training loop, and that with TensorFlow.js.
  if (error instanceof Error && error.name === 'Interrupted') {
    const run = program.commands.find((command) => command.name() === program.args[0])?.opts().run as
      | string
      | undefined;
    const how = run === undefined ? '--resume' : `vl-ltr ${program.args[0]} --run ${run} --resume`;
    say(`${yellow('stopped')} ${error.message} (${how})`);
    return INTERRUPTED;
  }
  if (error instanceof VlltrError) {
    say(`${red('error')} ${error.message}`);
    return error.code === 'ERR_USAGE' ? 2 : 1;
  }
  // The file system's own words name the file; where in the code it was does not help.
  const system = error instanceof Error && 'syscall' in error;
  say(`${red('error')} ${error instanceof Error ? (!system && error.stack) || error.message : String(error)}`);
  return 1;
}

// A closed pipe (`vl-ltr check … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCode(error);
}
