import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** A program that takes part in a benchmark. */
export interface Command {
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
}

/**
 * A child process that answers one line of JSON for each line of JSON it is sent, and sleeps in between, so that
 * contenders can be measured in turn without sharing the processor. An answer `{"error": …}` is raised.
 */
export class Participant {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;
  #failure: Error | undefined;

  constructor(
    readonly name: string,
    { command, args, env }: Command,
  ) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    this.#lines = createInterface({ input: this.#child.stdout! });
    this.#answers = this.#lines[Symbol.asyncIterator]();
    this.#child.on('error', (error) => {
      this.#failure = error;
      this.#lines.close();
    });
    this.#child.stdin!.on('error', () => {}); // a child that ended is noticed by its missing answer
  }

  /** The next line the child prints by itself, as its greeting. A child that is silent for `patience` seconds is ended. */
  async hear<T>(patience = Number.POSITIVE_INFINITY): Promise<T> {
    let tired = false;
    const timer = Number.isFinite(patience)
      ? setTimeout(() => {
          tired = true;
          this.#child.kill('SIGKILL');
        }, patience * 1000)
      : undefined;
    const { value, done } = await this.#answers.next().finally(() => clearTimeout(timer));
    if (tired) throw new Error(`no answer within ${patience} s`);
    if (done) throw new Error(`ended without an answer${this.#failure ? `: ${this.#failure.message}` : ''}`);
    const answer = JSON.parse(value) as T & { error?: string };
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  /** Sends a request and waits for its answer. */
  ask<T>(request: object, patience?: number): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.hear<T>(patience);
  }

  /** Lets the child end, and waits for it: its memory is free afterwards. */
  async close(): Promise<void> {
    this.#child.stdin!.end();
    this.#lines.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      await new Promise((resolve) => this.#child.once('close', resolve));
    }
  }
}
