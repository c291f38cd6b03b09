import type { Command } from 'commander';
import { expectFilePlace } from '../files/expectPath.js';
import { TEACHER_OPTIONS } from '../presets/iconLt.js';
import { captureFlags } from './captureFlags.js';
import { lazily, natural, positive, runOptions } from './options.js';
import { lookAtTraining } from './paths.js';
import { contrastiveFlags, scheduleOption } from './trainFlags.js';

const expectWeights = (path: string): void => expectFilePlace(path, '--out', 'the weights');

/** Adds `vl-ltr clip`. */
export function register(program: Command): void {
  const command = program
    .command('clip')
    .description('train the small CLIP that is the teacher of Icon-LT, on icons of other design teams')
    .optionsGroup('Training:')
    .option('--steps <n>', 'updates', natural, TEACHER_OPTIONS.steps)
    .option('--batch <n>', 'pairs an update', natural, TEACHER_OPTIONS.batch)
    .option('--lr <rate>', 'peak learning rate', positive, TEACHER_OPTIONS.learningRate)
    .option('--licences', 'print the sets it learns from and their licences, and stop (--json: as JSON)')
    .option('--out <file>', 'where the weights go, half precision (default: model.safetensors in the run folder)');
  command.addOption(scheduleOption());
  runOptions(captureFlags(contrastiveFlags(command)), 'runs/clip')
    .addHelpText(
      'after',
      `
The shipped teacher was made by the defaults of this command. It takes an hour or more on two cores and may be
interrupted: run it again with --resume.`,
    )
    .action(
      lazily(
        () => import('./actions/clip.js'),
        (flags, command) => lookAtTraining(command, undefined, flags, [flags.out, expectWeights]),
      ),
    );
}
