import type { Command } from 'commander';
import { lazily } from './options.js';

/** Adds `vl-ltr doctor`. */
export function register(program: Command): void {
  program
    .command('doctor')
    .description('what runs here and why, and the remedy for each lack')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExits 1 if a forced choice (VLLTR_BACKEND, VLLTR_KERNELS, VLLTR_DEVICE) cannot be had.')
    .action(lazily(() => import('./actions/doctor.js')));
}
