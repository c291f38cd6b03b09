/** A training step of the image encoders: this package, plain TensorFlow.js and PyTorch eager, measured in turn. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageFolder } from '../lib/runtime/paths.js';
import { type Command, Participant } from './support/participant.js';
import { type Timing, timing } from './support/statistics.js';
import {
  type Accounted,
  type Greeting,
  LEARNING_RATE,
  MODES,
  type Mode,
  type Prepared,
  type Ran,
  WEIGHT_DECAY,
} from './trainStep/protocol.js';
import { limits, type RowResult, results } from './trainStep/report.js';
import { ROWS, type Row } from './trainStep/rows.js';

const HELP = `Usage: npm run --silent bench -- train-step [--rows NAME,…] [--repeats N]

Measures a training step of this package against PyTorch's (eager, the better of two memory formats) and plain
TensorFlow.js's: forward + backward, and the same with AdamW. The contenders take turns, each in a process of its own
that sleeps while another works. JSON on stdout (seconds), a table on stderr.

  --rows NAME,…   of ${ROWS.map(({ name }) => name).join(', ')}; default: all
  --repeats N     turns of each contender (default 7)

VLLTR_BENCH_PYTHON names the Python that has PyTorch (default python3); without one our figures stand alone.
`;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const node = (variant: string): Command => ({
  command: process.execPath,
  args: [join(import.meta.dirname, 'trainStep/worker.js'), variant],
  // Each worker chooses for itself; a choice forced on the whole would contradict one of them.
  env: { VLLTR_QUIET: '1', VLLTR_BACKEND: undefined, VLLTR_KERNELS: undefined, VLLTR_DEVICE: undefined },
});
const torch = (format: string): Command => ({
  command: process.env.VLLTR_BENCH_PYTHON ?? 'python3',
  args: [join(packageFolder(), 'bench/trainStep/torch_worker.py'), format],
  // Its threads sleep at once when they have nothing to do, instead of spinning into the next contender's turn.
  env: { OMP_WAIT_POLICY: 'PASSIVE', KMP_BLOCKTIME: '0', KINETO_LOG_LEVEL: '99', PYTHONDONTWRITEBYTECODE: '1' },
});
const CONTENDERS: Record<string, Command> = {
  ours: node('fused'),
  tfjs: node('plain'),
  'torch-channels-last': torch('channels_last'),
  'torch-contiguous': torch('contiguous'),
};

/** Starts every contender that can be had, and says which cannot. */
async function start(): Promise<{ participants: Participant[]; what: Record<string, string> }> {
  const participants: Participant[] = [];
  const what: Record<string, string> = {};
  for (const [name, command] of Object.entries(CONTENDERS)) {
    const participant = new Participant(name, command);
    try {
      what[name] = (await participant.hear<Greeting>()).what;
      participants.push(participant);
      say(`${name}: ${what[name]}`);
    } catch (error) {
      participant.close();
      if (name === 'ours') throw error;
      say(`left out: ${(error as Error).message}`);
    }
  }
  return { participants, what };
}

/** Gives every contender the same model and batch, and has them prove it by the loss. */
async function prepare(row: Row, participants: readonly Participant[], folder: string): Promise<number> {
  const file = join(folder, `${row.name}.safetensors`);
  const shared = { do: 'prepare', ...row, file, learningRate: LEARNING_RATE, weightDecay: WEIGHT_DECAY };
  let expected = Number.NaN;
  for (const participant of participants) {
    const first = participant === participants[0];
    const { loss } = await participant.ask<Prepared>({ ...shared, write: first });
    if (first) expected = loss;
    if (!(Math.abs(loss - expected) <= 1e-3 * Math.abs(expected))) {
      throw new Error(
        `${row.name}: ${participant.name} has a loss of ${loss}, ours is ${expected}: not the same model`,
      );
    }
  }
  await rm(file);
  return expected;
}

async function measure(row: Row, participants: readonly Participant[], repeats: number): Promise<RowResult['modes']> {
  const seconds = {} as Record<Mode, Record<string, number[]>>;
  for (const mode of MODES) seconds[mode] = Object.fromEntries(participants.map(({ name }) => [name, []]));
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const mode of MODES) {
      for (const participant of participants) {
        // The first step of a turn finds cold caches and sleeping threads; it is not counted.
        const ran = await participant.ask<Ran>({ do: 'run', mode, steps: row.steps + 1 });
        seconds[mode][participant.name]!.push(...ran.seconds.slice(1));
      }
    }
  }
  const timings = (mode: Mode): Record<string, Timing> =>
    Object.fromEntries(Object.entries(seconds[mode]).map(([name, values]) => [name, timing(values)]));
  return { gradient: results(timings('gradient')), update: results(timings('update')) };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rows: { type: 'string' }, repeats: { type: 'string', default: '7' }, help: { type: 'boolean' } },
  });
  if (values.help) return void process.stdout.write(HELP);
  const repeats = Number(values.repeats);
  const names = values.rows?.split(',') ?? ROWS.map(({ name }) => name);
  const rows = names.map((name) => ROWS.find((row) => row.name === name));
  if (!Number.isSafeInteger(repeats) || repeats < 1 || rows.includes(undefined)) {
    process.exitCode = 2;
    return say(HELP);
  }
  const folder = await mkdtemp(join(tmpdir(), 'vlltr-bench-'));
  let participants: Participant[] = [];
  try {
    const started = await start();
    participants = started.participants;
    const done: RowResult[] = [];
    for (const row of rows as Row[]) {
      const loss = await prepare(row, participants, folder);
      const modes = await measure(row, participants, repeats);
      const accounts: Record<string, Accounted> = {};
      for (const participant of participants) {
        accounts[participant.name] = await participant.ask<Accounted>({ do: 'account', mode: 'gradient' });
      }
      const result: RowResult = { row: row.name, batch: row.batch, visual: row.config.visual, loss, modes, accounts };
      done.push(result);
      say(limits(result));
    }
    const machine = { processor: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version };
    const json = { bench: 'train-step', machine, contenders: started.what, repeats, rows: done };
    process.stdout.write(`${JSON.stringify(json, null, 1)}\n`);
  } finally {
    for (const participant of participants) participant.close();
    await rm(folder, { recursive: true, force: true });
  }
}

await main().catch((error) => {
  say(`train-step: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
