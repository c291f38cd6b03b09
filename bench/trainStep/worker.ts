/** A participant in Node: `worker.js fused` is the package as it is, `worker.js plain` the same on plain TensorFlow.js. */
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { accountOps } from '../support/opCount.js';
import { usePlainTensorFlow } from '../support/plainTensorFlow.js';
import { TrainedModel } from './model.js';
import type { Accounted, Greeting, Prepared, Ran, Request } from './protocol.js';

const say = (answer: object): void => {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
};

let model: TrainedModel | undefined;

async function answer(request: Request): Promise<Prepared | Ran | Accounted> {
  if (request.do === 'prepare') {
    model?.dispose();
    model = new TrainedModel(request);
    if (request.write) await model.write(request.file);
    return { loss: model.step('gradient') };
  }
  const prepared = model;
  if (!prepared) throw new Error('prepare first');
  if (request.do === 'account') {
    prepared.step(request.mode); // warms up
    return accountOps(() => prepared.step(request.mode));
  }
  const tensors = tf.memory().numTensors;
  const seconds = Array.from({ length: request.steps }, () => {
    const start = performance.now();
    prepared.step(request.mode);
    return (performance.now() - start) / 1000;
  });
  const leaked = tf.memory().numTensors - tensors;
  if (leaked !== 0) throw new Error(`${leaked} tensors more after ${request.steps} steps`);
  return { seconds };
}

try {
  const plain = process.argv[2] === 'plain';
  const runtime = await ready({ backend: 'tensorflow', device: 'cpu', kernels: plain ? 'tfjs' : 'auto' });
  if (plain) await usePlainTensorFlow();
  const what = `TensorFlow ${runtime.tensorflow}, kernels ${runtime.kernels}, ${availableParallelism()} threads`;
  say({ what: plain ? `${what}, composed formulas` : what } satisfies Greeting);
  for await (const line of createInterface({ input: process.stdin })) {
    say(await answer(JSON.parse(line) as Request).catch((error) => ({ error: String(error?.message ?? error) })));
  }
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) });
}
