/** The loader of pictures against PyTorch's DataLoader with Pillow, measured in turn. */
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { CONTENDERS, type Contender, measure, type Result } from './loader/measure.js';
import { chosen, positive, sizeOf } from './support/options.js';
import { table } from './support/statistics.js';

const HELP = `Usage: npm run --silent bench -- loader [--sizes WxH,…] [--workers N,…] [--pictures N] [--only NAME,…]
  [--repeats N]

Training views of JPEGs (random resized crop to 224, flip, RandAugment, normalise, random erasing) a second: this package's
loader, decoding fast and exact, and PyTorch's DataLoader with Pillow. The contenders take turns with as many
workers each, every one in a process of its own. JSON on stdout, tables on stderr.

  --sizes WxH,…   default: 500x375 (ImageNet's average), 1600x1200
  --workers N,…   default: 1 and the number of cores
  --pictures N    default: 256
  --only NAME,…   of ${CONTENDERS.join(', ')}; default: all
  --repeats N     turns of each contender (default 5)

Beside the workers there is the process that asks for batches: compare at as many workers as there are cores.
VLLTR_BENCH_PYTHON names the Python that has PyTorch and Pillow (default python3); without one our figures stand alone.
`;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/**
 * What a GPU asks for. A forward pass of ViT-B/16 at 224 px is 17.6 G multiply-adds a picture, 35 GFLOP; backward is twice
 * that. A large bf16 product runs at 786 TFLOP/s on an H200 (README); a training step that gets 40 % of it does 314.
 */
const FORWARD = 35.2e9;
const SUSTAINED = 0.4 * 786e12;
const NEEDS = [
  ['stage 1: forward, backward, the teacher forward', 4],
  ['stage 2, encoder trained: forward, backward', 3],
  ['stage 2, encoder frozen, and evaluation: forward', 1],
] as const;

function show({ size, bytesEach, figures, failures }: Result): string {
  const rows = CONTENDERS.flatMap((name) => figures[name] ?? []);
  const rateOf = (name: Contender, workers: number): number | undefined =>
    figures[name]?.find((f) => f.workers === workers)?.picturesPerSecond;
  const lines = CONTENDERS.flatMap((name) =>
    (figures[name] ?? []).map(({ workers, picturesPerSecond, processorPerPicture }) => {
      const theirs = rateOf('pytorch', workers);
      return [
        name,
        String(workers),
        picturesPerSecond.toFixed(0),
        theirs ? (picturesPerSecond / theirs).toFixed(2) : '–',
        (picturesPerSecond / rateOf(name, figures[name]![0]!.workers)!).toFixed(2),
        processorPerPicture ? (1000 * processorPerPicture).toFixed(1) : '–',
      ];
    }),
  );
  const best = Math.max(0, ...rows.map(({ picturesPerSecond, workers }) => picturesPerSecond / workers));
  return [
    '',
    `JPEGs of ${size.width}×${size.height}, ${(bytesEach / 1024).toFixed(0)} KiB each`,
    table([['', 'workers', 'pictures/s', '/ PyTorch', '/ fewest workers', 'processor ms'], ...lines]),
    ...Object.entries(failures).map(([name, why]) => `left out, ${name}: ${why.split('\n')[0]}`),
    '',
    table([
      ['ViT-B/16 on one H200 takes', 'pictures/s', 'workers at the best rate above'],
      ...NEEDS.map(([what, passes]) => {
        const rate = SUSTAINED / (passes * FORWARD);
        return [what, rate.toFixed(0), (rate / best).toFixed(0)];
      }),
    ]),
  ].join('\n');
}

async function main(): Promise<void> {
  const cores = availableParallelism();
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '500x375,1600x1200' },
      workers: { type: 'string', default: cores > 1 ? `1,${cores}` : '1' },
      pictures: { type: 'string', default: '256' },
      only: { type: 'string' },
      repeats: { type: 'string', default: '5' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const sizes = values.sizes.split(',').map((size) => sizeOf(size, 'WxH'));
  const workers = values.workers.split(',').map((n) => positive('--workers', n));
  const contenders = chosen('--only', values.only, CONTENDERS, (name) => name);
  const pictures = positive('--pictures', values.pictures);
  const repeats = positive('--repeats', values.repeats);
  const results: Result[] = [];
  for (const [width, height] of sizes) {
    const size = { width: width!, height: height! };
    const result = await measure({ pictures, size, workers, batch: 32, view: 224, repeats, contenders });
    results.push(result);
    say(show(result));
  }
  const machine = { processor: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version };
  process.stdout.write(`${JSON.stringify({ bench: 'loader', machine, repeats, sizes: results }, null, 1)}\n`);
  const failed = contenders.filter((name) => name !== 'pytorch' && results.some(({ failures }) => failures[name]));
  if (failed.length) throw new Error(`failed: ${failed.join(', ')}`);
}

await main().catch((error) => {
  say(`loader: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
