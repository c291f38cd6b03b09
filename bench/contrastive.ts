/** The contrastive loss and its gradient against plain TensorFlow.js and PyTorch, measured in turn. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { CONTENDERS, measure, type Result } from './contrastive/measure.js';
import { problemOf } from './contrastive/problem.js';
import { table } from './support/statistics.js';

const HELP = `Usage: npm run --silent bench -- contrastive [--sizes BxD,…] [--only NAME,…] [--repeats N]

Measures the class-wise contrastive loss with distillation, forward and backward, on B pairs of features of width D: this
package's kernels inside TensorFlow (fp32 and bf16), plain TensorFlow.js and PyTorch. The contenders take turns, each in a
process of its own; gradients are compared with float64's. JSON on stdout (seconds, bytes), tables on stderr.

  --sizes BxD,…   default: 2048x1024,8192x512
  --only NAME,…   of ${CONTENDERS.map(({ name }) => name).join(', ')}; default: all
  --repeats N     turns of each contender (default 7)

VLLTR_BENCH_PYTHON names the Python that has PyTorch (default python3); without one our figures stand alone.
At 8192x512 the formulas that form matrices take several GB each: leave some out where there is less.
`;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function show({ pairs, width, contenders, failures }: Result): string {
  const names = Object.keys(contenders);
  const line = (head: string, cell: (name: string) => string): string[] => [head, ...names.map(cell)];
  const of = (name: string) => contenders[name]!;
  const ours = contenders.ours?.median;
  return [
    '',
    table([
      line(`${pairs} pairs, width ${width}`, (name) => name),
      line('forward + backward, ms', (name) => (of(name).median * 1000).toFixed(0)),
      line('  over ours', (name) => (ours ? (of(name).median / ours).toFixed(2) : '–')),
      line('memory beyond, MiB', (name) => ((of(name).memory ?? Number.NaN) / 2 ** 20).toFixed(0)),
      line('error of the gradient', (name) => of(name).error?.toExponential(1) ?? '–'),
    ]),
    ...Object.entries(failures).map(([name, why]) => `left out, ${name}: ${why.split('\n')[0]}`),
  ].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '2048x1024,8192x512' },
      only: { type: 'string' },
      repeats: { type: 'string', default: '7' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const sizes = values.sizes.split(',').map((size) => /^([1-9]\d*)x([1-9]\d*)$/.exec(size));
  const names = values.only?.split(',') ?? CONTENDERS.map(({ name }) => name);
  const contenders = CONTENDERS.filter(({ name }) => names.includes(name));
  const repeats = Number(values.repeats);
  if (sizes.includes(null) || contenders.length !== names.length || !Number.isSafeInteger(repeats) || repeats < 1) {
    process.exitCode = 2;
    return say(HELP);
  }
  const sizesMeasured: Result[] = [];
  for (const size of sizes) {
    const result = await measure(problemOf(Number(size![1]), Number(size![2])), contenders, repeats);
    sizesMeasured.push(result);
    say(show(result));
  }
  const machine = { processor: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version };
  process.stdout.write(
    `${JSON.stringify({ bench: 'contrastive', machine, repeats, sizes: sizesMeasured }, null, 1)}\n`,
  );
  const failed = contenders.filter(
    ({ name }) => name.startsWith('ours') && sizesMeasured.some((s) => s.failures[name]),
  );
  if (failed.length) throw new Error(`failed: ${failed.map(({ name }) => name).join(', ')}`);
}

await main().catch((error) => {
  say(`contrastive: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
