/** A participant in Node: `worker.js ROUTE PRECISION`. */
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type ClasswiseContrastiveArguments, classwiseContrastive } from '../../lib/ops/classwiseContrastive.js';
import { type KernelRoute, ready } from '../../lib/runtime/ready.js';
import { tf } from '../../lib/runtime/tf.js';
import { watchMemory } from '../trainStep/memory.js';
import { readProblem } from './problem.js';
import type { Prepared, Ran, Request } from './protocol.js';

const say = (answer: object): void => {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
};

type Gradients = { value: tf.Scalar; grads: tf.Tensor[] };

/** The loss and its gradients for image, text and scale, as tensors. */
function passOf(args: ClasswiseContrastiveArguments): () => Gradients {
  const inputs = [args.image, args.text, args.logitScale as tf.Scalar];
  const loss = tf.valueAndGrads(
    (image, text, logitScale) =>
      classwiseContrastive({
        ...args,
        image: image as tf.Tensor2D,
        text: text as tf.Tensor2D,
        logitScale: logitScale as tf.Scalar,
      }).loss,
  );
  return () => tf.tidy(() => loss(inputs)) as Gradients;
}

async function prepare(request: Request & { do: 'prepare' }, precision: 'fp32' | 'bf16'): Promise<() => Gradients> {
  const { pairs, width, logitScale, smoothing, distillWeight } = request.problem;
  const batch = await readProblem(request.folder);
  const features = (name: string) => tf.tensor2d(batch[name] as Float32Array, [pairs, width]);
  return passOf({
    image: features('image'),
    text: features('text'),
    labels: tf.tensor1d(batch.labels as Int32Array, 'int32'),
    logitScale: tf.scalar(logitScale),
    smoothing,
    teacher: { image: features('teacherImage'), text: features('teacherText'), logitScale },
    distillWeight,
    precision,
  });
}

function run(pass: () => Gradients, times: number): Ran {
  const memory = watchMemory();
  const seconds: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    const { value, grads } = pass();
    grads[2]!.dataSync(); // it ends the pass
    seconds.push((performance.now() - start) / 1000);
    tf.dispose([value, grads]);
  }
  return { seconds, memory: memory?.() };
}

async function serve(kernels: KernelRoute, precision: 'fp32' | 'bf16'): Promise<void> {
  const { backend, tensorflow } = await ready({ backend: 'tensorflow', kernels });
  say({ what: `${backend} ${tensorflow}, kernels ${kernels}, ${precision}` });
  let pass: (() => Gradients) | undefined;
  const answer = async (request: Request): Promise<Prepared | Ran> => {
    if (request.do === 'prepare') {
      pass = await prepare(request, precision);
      globalThis.gc?.();
      const { value, grads } = pass();
      const arrays = grads.map((gradient) => gradient.dataSync() as Float32Array);
      const loss = value.dataSync()[0]!;
      tf.dispose([value, grads]);
      await writeFile(request.gradients, Buffer.concat(arrays.slice(0, 2).map((a) => new Uint8Array(a.buffer))));
      return { loss, dlogitScale: arrays[2]![0]! };
    }
    if (request.do === 'run' && pass) return run(pass, request.times);
    throw new Error(`${request.do} cannot be done here`);
  };
  for await (const line of createInterface({ input: process.stdin })) {
    say(await answer(JSON.parse(line) as Request).catch((error) => ({ error: String(error?.message ?? error) })));
  }
}

try {
  await serve(process.argv[2] as KernelRoute, process.argv[3] as 'fp32' | 'bf16');
} catch (error) {
  say({ error: error instanceof Error ? error.message : String(error) });
}
