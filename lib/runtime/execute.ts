import { spawn } from 'node:child_process';

export interface Outcome {
  /** Exit status or signal; `missing` when the command could not be started. */
  readonly status: number | string | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command to its end with stdin closed. Never rejects. */
export function execute(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', () => resolve({ status: 'missing', output, errors }));
    child.on('close', (code, signal) => resolve({ status: code ?? signal, output, errors }));
  });
}
