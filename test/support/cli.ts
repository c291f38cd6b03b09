import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const fixture = (name: string): string => new URL(`../fixtures/${name}`, import.meta.url).href;

/** The environment in which a command sends itself `signal` when it opens a file whose path has `path` in it, as to write it. */
export const dyingAt = (path: string, signal: NodeJS.Signals = 'SIGKILL'): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import ${fixture('dieWriting.mjs')}`,
  VLLTR_DIE_AT: path,
  VLLTR_DIE_BY: signal,
});

const MAIN = fileURLToPath(new URL('../../dist/lib/cli/main.js', import.meta.url));

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built command line. `kill` looks now and then and sends `signal` (SIGKILL), once, as soon as it says so. */
export function cli(
  args: string[],
  options: { env?: NodeJS.ProcessEnv; kill?: () => boolean; signal?: NodeJS.Signals } = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...options.env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const { kill, signal = 'SIGKILL' } = options;
    const look = (): void => {
      if (!kill!()) return;
      clearInterval(watch);
      child.kill(signal);
    };
    const watch = kill && setInterval(look, 5);
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(watch);
      resolve({ code, stdout, stderr });
    });
  });
}
