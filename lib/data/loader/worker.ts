/** A worker of `ViewPool`: makes one view after another; what sharp decodes, beside others. */
import { parentPort } from 'node:worker_threads';
import { VlltrError } from '../../errors.js';
import { photoView } from './photoView.js';
import type { WorkerAnswer, WorkerRequest } from './pool.js';

const port = parentPort!;
port.on('message', async ({ id, job, out }: WorkerRequest) => {
  try {
    await photoView(job, out);
    port.postMessage({ id } satisfies WorkerAnswer);
  } catch (error) {
    const { message, stack } = error as Error;
    const code = error instanceof VlltrError ? error.code : undefined;
    port.postMessage({ id, error: { message, code, stack } } satisfies WorkerAnswer);
  }
});
