import { createInterface } from 'node:readline';

/** How a participant introduces itself, and what it answers to each request. */
export interface Part<Request> {
  /** Program, version, threads. */
  what: string;
  answer: (request: Request) => Promise<object>;
}

/** Takes part in a benchmark as a process in Node (see `Participant`): greets, then answers until its input ends. */
export async function participate<Request>(start: () => Promise<Part<Request>>): Promise<void> {
  const say = (answer: object): void => {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  };
  const error = (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) });
  try {
    const { what, answer } = await start();
    say({ what });
    for await (const line of createInterface({ input: process.stdin })) {
      say(await answer(JSON.parse(line) as Request).catch(error));
    }
  } catch (cause) {
    say(error(cause));
  }
}
