/** A worker of `ViewPool`: makes one view after another, those of the pictures in flight meanwhile being decoded. */
import { parentPort } from 'node:worker_threads';
import { VlltrError } from '../../errors.js';
import { photoView } from './photoView.js';
import type { WorkerAnswer, WorkerRequest } from './pool.js';

const port = parentPort!;
port.on('message', async ({ id, job }: WorkerRequest) => {
  try {
    const values = await photoView(job);
    port.postMessage({ id, values } satisfies WorkerAnswer, [values.buffer as ArrayBuffer]);
  } catch (error) {
    const { message, stack } = error as Error;
    const code = error instanceof VlltrError ? error.code : undefined;
    port.postMessage({ id, error: { message, code, stack } } satisfies WorkerAnswer);
  }
});
