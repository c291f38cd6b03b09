/** A training step of the package against plain TensorFlow.js and PyTorch, measured in turn. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { chosen, positive } from './support/options.js';
import { CONTENDERS } from './trainStep/contenders.js';
import { measureRow } from './trainStep/measure.js';
import { type RowResult, rowTable, summary } from './trainStep/report.js';
import { ROWS } from './trainStep/rows.js';

const CHOICES = [...new Set(CONTENDERS.map(({ choice }) => choice))];
const HELP = `Usage: npm run --silent bench -- train-step [--rows NAME,…] [--only NAME,…] [--repeats N]

Measures a training step, AdamW included: encoders, and the whole steps of stages 1 and 2, by this package, by plain
TensorFlow.js and by PyTorch. The contenders take turns, each in a process of its own that sleeps while another works;
all start from the same weights and must have the same losses. JSON on stdout (seconds, bytes), tables on stderr.

  --rows NAME,…   of ${ROWS.map(({ name }) => name).join(', ')}; default: all
  --only NAME,…   of ${CHOICES.join(', ')}; default: all
  --repeats N     turns of each contender (default 7)

VLLTR_BENCH_PYTHON names the Python that has PyTorch (default python3); without one our figures stand alone.
PyTorch compiles with g++. ViT-B/16 takes up to 20 GB with all contenders: leave some out where there is less.
`;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      only: { type: 'string' },
      repeats: { type: 'string', default: '7' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const repeats = positive('--repeats', values.repeats);
  const rows = chosen('--rows', values.rows, ROWS, ({ name }) => name);
  let contenders = chosen('--only', values.only, CONTENDERS, ({ choice }) => choice);
  const done: RowResult[] = [];
  for (const row of rows) {
    const result = await measureRow(row, contenders, repeats);
    done.push(result);
    say(rowTable(result));
    // What could not even start is not tried again.
    contenders = contenders.filter(({ name }) => result.contenders[name] || !result.failures[name]);
  }
  say(summary(done));
  const machine = { processor: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version };
  process.stdout.write(`${JSON.stringify({ bench: 'train-step', machine, repeats, rows: done }, null, 1)}\n`);
  const failed = done.filter(({ failures }) => Object.values(failures).some(({ fatal }) => fatal));
  if (failed.length) throw new Error(`failed: ${failed.map(({ row }) => row).join(', ')}`);
}

await main().catch((error) => {
  say(`train-step: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
});
