import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Contender, contest } from './contest.js';
import { bestOf, type Peak, type Work } from './figures.js';
import { buildNative, measurePeak } from './native.js';
import { chosen, positive } from './options.js';
import type { Command } from './participant.js';
import { type SizeResult, sizeTable } from './report.js';

/** The benchmark of one kernel. */
export interface Bench<Problem> {
  name: string;
  /** What it measures, a sentence or two. */
  about: string;
  /** What a size is written as. */
  form: string;
  /** Comma-separated. */
  sizes: { usual: string; quick: string };
  /** @throws Error for a size that is none */
  problemOf: (size: string) => Problem;
  describe: (problem: Problem) => string;
  contenders: readonly Contender[];
  /** Contenders that a problem is too large for; they take part where `--only` names them. */
  tooLargeFor?: (problem: Problem) => readonly string[];
  reference: Command;
  write: (problem: Problem, folder: string) => Promise<void>;
  work: (problem: Problem) => Record<string, Work>;
}

/** What a benchmark prints on stdout. */
export interface BenchResult {
  bench: string;
  machine: { processor: string; cores: number; node: string };
  peak?: Peak;
  repeats: number;
  sizes: SizeResult[];
}

export const PEERS = ['tfjs', 'pytorch', 'none'] as const;

const help = (bench: Bench<never>): string => `Usage: npm run --silent bench -- ${bench.name} [options]

${bench.about}
The contenders take turns, each in a process of its own; results are compared with float64's, and times with the least
that the machine's measured peaks allow. JSON on stdout (seconds, bytes), tables on stderr.

  --sizes ${bench.form},…
                   default: ${bench.sizes.usual}
  --peers NAME,…   of ${PEERS.join(', ')}; default: all
  --only NAME,…    of ${bench.contenders.map(({ name }) => name).join(', ')}; default: all
  --repeats N      turns of each contender (default 7; at most 3 where a pass takes over 3 s)
  --quick          ${bench.sizes.quick}, 3 turns

VLLTR_BENCH_PYTHON names the Python that has PyTorch (default python3); without one ours and TensorFlow.js stand alone,
without errors. The peaks, and the product of native/, need cmake and g++.
`;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Runs a benchmark by the command line's options. */
export async function runBench<Problem>(bench: Bench<Problem>): Promise<void> {
  try {
    await run(bench);
  } catch (error) {
    say(`${bench.name}: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}

async function run<Problem>(bench: Bench<Problem>): Promise<void> {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string' },
      peers: { type: 'string' },
      only: { type: 'string' },
      repeats: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(help(bench as unknown as Bench<never>));
  const peers = chosen('--peers', values.peers, PEERS, (name) => name);
  const named = chosen('--only', values.only, bench.contenders, ({ name }) => name);
  const contenders = named.filter(({ peer }) => !peer || peers.includes(peer));
  const repeats = positive('--repeats', values.repeats ?? (values.quick ? '3' : '7'));
  const sizes = (values.sizes ?? bench.sizes[values.quick ? 'quick' : 'usual']).split(',');
  const problems = sizes.map((size) => ({ size, problem: bench.problemOf(size) }));

  const missing = buildNative();
  if (missing) say(missing);
  let peak = missing ? undefined : measurePeak();
  /** The best so far: a machine shared with others shows less at times. */
  const peakNow = () => {
    peak = peak && bestOf(peak, measurePeak());
    return peak;
  };
  const done: SizeResult[] = [];
  for (const { size, problem } of problems) {
    const left = values.only ? [] : (bench.tooLargeFor?.(problem) ?? []);
    const taking = contenders.filter(({ name }) => !left.includes(name));
    const work = bench.work(problem);
    const { reference, write } = bench;
    const result = await contest({ problem, contenders: taking, reference, write, work, repeats, peak: peakNow });
    done.push({ size, work, ...result });
    say(sizeTable(bench.describe(problem), done.at(-1)!, taking, peak));
  }
  const machine = { processor: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version };
  const printed: BenchResult = { bench: bench.name, machine, peak, repeats, sizes: done };
  process.stdout.write(`${JSON.stringify(printed, null, 1)}\n`);
  const failed = contenders.filter(({ name, peer }) => !peer && done.some(({ failures }) => failures[name]));
  if (failed.length) throw new Error(`failed: ${failed.map(({ name }) => name).join(', ')}`);
}
