import { writeFile } from 'node:fs/promises';
import { bytesOf } from '../../lib/bytes.js';
import { tf } from '../../lib/runtime/tf.js';
import { watchMemory } from './memory.js';
import { participate } from './participate.js';
import type { FirstPass, Prepared, Ran, Request } from './protocol.js';
import { startRoute } from './routes.js';

/** What a worker does again and again. */
export interface Task {
  /** What the work begins with. */
  inputs: readonly tf.Tensor[];
  /** A pass of each mode; gives its outputs, which are complete when it returns: these backends do not run ahead. */
  modes: Record<string, () => tf.Tensor[]>;
  /** What of the outputs is compared with float64's; default: all. */
  compared?: (mode: string, outputs: tf.Tensor[]) => Float32Array[];
}

/** Takes part by the route on the command line. `make` gets everything resident that is not to count as memory. */
export async function serveTask<Problem, Options = unknown>(
  make: (request: { folder: string } & Problem & Options) => Promise<Task>,
): Promise<void> {
  await participate(async () => {
    const what = await startRoute();
    let task: Task | undefined;
    const answer = async (request: Request<Problem>): Promise<object> => {
      if (request.do === 'run' && task) return run(task.modes[request.mode]!, request.times);
      if (request.do !== 'prepare') throw new Error(`${request.do} cannot be done here`);
      task = await make(request as unknown as { folder: string } & Problem & Options);
      globalThis.gc?.(); // the files' buffers are not the work's memory
      return firstPasses(task, request.output);
    };
    return { what, answer };
  });
}

async function firstPasses({ inputs, modes, compared = all }: Task, output: string): Promise<Prepared> {
  // TensorFlow takes over a tensor's values when it is first used.
  tf.tidy(() => {
    const first = ({ shape }: tf.Tensor, length: number) => shape.map(() => length);
    for (const input of inputs.filter(({ rank }) => rank > 0)) tf.slice(input, first(input, 0), first(input, 1));
  });
  globalThis.gc?.();
  const prepared: Record<string, FirstPass> = {};
  for (const [mode, pass] of Object.entries(modes)) {
    let arrays: Float32Array[] = [];
    const ran = run(pass, 1, (outputs) => {
      arrays = compared(mode, outputs);
    });
    await writeFile(`${output}.${mode}`, Buffer.concat(arrays.map(bytesOf)));
    prepared[mode] = { ...ran, parts: arrays.map(({ length }) => length) };
  }
  globalThis.gc?.();
  return prepared;
}

const all = (_: string, outputs: tf.Tensor[]): Float32Array[] =>
  outputs.map((output) => output.dataSync() as Float32Array);

function run(pass: () => tf.Tensor[], times: number, look?: (outputs: tf.Tensor[]) => void): Ran {
  const watched = watchMemory();
  const seconds: number[] = [];
  let memory: Ran['memory'];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    const outputs = pass();
    seconds.push((performance.now() - start) / 1000);
    memory = watched?.(); // before anybody looks at the outputs, which copies them
    look?.(outputs);
    tf.dispose(outputs);
  }
  return { seconds, memory };
}
