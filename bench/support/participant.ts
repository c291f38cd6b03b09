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

  /** The next line the child prints by itself, as its greeting. */
  async hear<T>(): Promise<T> {
    const { value, done } = await this.#answers.next();
    if (done)
      throw new Error(`${this.name} ended without an answer${this.#failure ? `: ${this.#failure.message}` : ''}`);
    const answer = JSON.parse(value) as T & { error?: string };
    if (answer.error) throw new Error(`${this.name}: ${answer.error}`);
    return answer;
  }

  /** Sends a request and waits for its answer. */
  ask<T>(request: object): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.hear<T>();
  }

  close(): void {
    this.#child.stdin!.end();
    this.#lines.close();
  }
}
