/** All benchmarks, one after the other: their results in one file, and the README's tables. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadAddon } from '../bindings/load.js';
import { writeFileAtomic } from '../lib/files/atomic.js';
import { packageFolder } from '../lib/runtime/paths.js';
import { kernelTables, trainStepTable } from './all/readme.js';
import { resultsOf, slugOf } from './all/results.js';
import { type BenchResult, PEERS } from './support/bench.js';
import { chosen } from './support/options.js';
import type { RowResult } from './trainStep/report.js';

const KERNELS = ['gemm', 'contrastive', 'anchor-attention', 'optimizer'] as const;
const ALL = [...KERNELS, 'loader', 'train-step'] as const;

const HELP = `Usage: npm run bench -- [--peers NAME,…] [--quick] [--benches NAME,…] [--out FILE]
       npm run bench -- NAME [--help]

Runs the benchmarks ${ALL.join(', ')}, one after the other, each against its peers in
the same run. Their tables go to stderr as they come, the README's to stdout at the end; the figures of each go to
bench/results/PROCESSOR.json as soon as it is done (of a quick run to build/bench/results/PROCESSOR.json), where those of
this machine's other benchmarks stay. All of it takes hours rather than minutes, for its slowest peers, and up to 20 GB
of memory.

  --peers NAME,…     of ${PEERS.join(', ')}; default: all
  --quick            small problems, few turns: whether all of it works, no figures to keep
  --benches NAME,…   some of them
  --out FILE         where the figures go

VLLTR_BENCH_PYTHON names the Python that has PyTorch (default python3); without one, PyTorch is left out, and so are the
errors against float64, which it computes.
`;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Options for one benchmark. */
function optionsOf(name: string, peers: readonly string[], quick: boolean): string[] {
  if (name === 'loader') {
    const contenders = ['fast', 'exact', ...(peers.includes('pytorch') ? ['pytorch'] : [])];
    return [`--only=${contenders.join(',')}`, ...(quick ? ['--sizes=500x375', '--pictures=32', '--repeats=1'] : [])];
  }
  if (name !== 'train-step') return [`--peers=${peers.join(',')}`, ...(quick ? ['--quick'] : [])];
  const tfjs = peers.includes('tfjs') ? ['plain', 'op-by-op'] : ['op-by-op'];
  const pytorch = peers.includes('pytorch') ? ['eager', 'compiled', 'eager-bf16'] : [];
  return [
    `--only=${[...tfjs, 'captured', 'without', 'captured-bf16', ...pytorch].join(',')}`,
    ...(quick ? ['--rows=stage-2', '--repeats=1'] : []),
  ];
}

/** Runs one; gives what it printed, or undefined and a word on stderr where it printed nothing. */
async function runOne(name: string, options: string[]): Promise<object | undefined> {
  const script = join(import.meta.dirname, `${name}.js`);
  const child = spawn(process.execPath, [script, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const status = await new Promise((done) => child.once('close', done));
  if (status !== 0) {
    process.exitCode = 1;
    say(`${name} ended with status ${status}`);
  }
  return printed ? JSON.parse(printed) : undefined;
}

async function main(): Promise<void> {
  const given = process.argv.slice(2);
  const { values } = parseArgs({
    args: given,
    options: {
      peers: { type: 'string' },
      benches: { type: 'string' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const peers = chosen('--peers', values.peers, PEERS, (name) => name);
  const benches = chosen('--benches', values.benches, ALL, (name) => name);
  const { isa, threads } = loadAddon().info();
  const processor = cpus()[0]?.model ?? '';
  const folder = join(packageFolder(), ...(values.quick ? ['build', 'bench', 'results'] : ['bench', 'results']));
  const out = values.out ? resolve(values.out) : join(folder, `${slugOf(processor, isa)}.json`);
  await mkdir(dirname(out), { recursive: true });
  const results = await resultsOf(out, { processor, isa, threads, memory: totalmem() });
  const command = ['npm run bench', ...(given.length ? ['--', ...given] : [])].join(' ');
  for (const name of benches) {
    say(`\n${name}`);
    const printed = await runOne(name, optionsOf(name, peers, values.quick));
    if (!printed) continue;
    results.benches[name] = { commands: [command], ...printed };
    await writeFileAtomic(out, `${JSON.stringify(results, null, 1)}\n`);
  }
  say(`\nall figures: ${out}`);
  const kernels = KERNELS.flatMap((name) => (results.benches[name] as unknown as BenchResult | undefined) ?? []);
  const steps = (results.benches['train-step'] as unknown as { rows: RowResult[] } | undefined)?.rows ?? [];
  process.stdout.write([...kernelTables(kernels), ...trainStepTable(steps)].join('\n'));
}

await main().catch((error) => {
  say(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
