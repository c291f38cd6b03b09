import type { Addon } from '../../../bindings/addon.js';
import type { SelftestOp, SelftestReport, SelftestTiming } from '../../../bindings/cuda.js';
import { loadAddon } from '../../../bindings/load.js';
import { check } from '../../errors.js';
import { writeJson } from '../../files/atomic.js';
import { describeCards } from '../../runtime/cards.js';
import { checkProcessor } from '../../runtime/processorChecks.js';
import { green, print, red, say, table, yellow } from '../terminal.js';

/** The options of the command line. */
export interface SelftestCommand {
  device: 'auto' | 'cuda' | 'cpu';
  card: number;
  op?: string[];
  seed?: number;
  bench?: boolean;
  json?: string;
}

/** Runs `vl-ltr selftest`. The addon is a parameter for tests. */
export async function run(
  options: SelftestCommand,
  _command?: unknown,
  addon: Pick<Addon, 'cuda' | 'info' | 'selftest'> = loadAddon(),
  ofProcessor = checkProcessor,
): Promise<void> {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  if (options.device === 'cpu') return runOnProcessor(options, seed, addon, ofProcessor);
  const cuda = addon.cuda();
  if (cuda.cards.length === 0) {
    check(options.device !== 'cuda', 'ERR_BACKEND', () => `There is no card to check: ${cuda.why}.`);
    return say(`${yellow('skipped')}: no card to check (${cuda.why})`);
  }
  say(describeCards(cuda));
  say(`seed ${seed}`);
  let report: SelftestReport | undefined;
  for (const op of options.op ?? cuda.checked) {
    // An op at a time, so that something is said meanwhile.
    const one = JSON.parse(await addon.selftest(options.card, op, seed, options.bench ?? false)) as SelftestReport;
    report = report ? { ...report, ok: report.ok && one.ok, ops: [...report.ops, ...one.ops] } : one;
    for (const found of one.ops) tell(found.name, found);
  }
  const timings = report?.ops.flatMap((op) => op.timings) ?? [];
  if (timings.length > 0) print(timingTable(timings));
  if (options.json) await writeJson(options.json, report);
  if (!report?.ok) process.exitCode = 1;
}

/** Every instruction set that the processor has, or the one that VLLTR_ISA names. */
async function runOnProcessor(
  options: SelftestCommand,
  seed: number,
  addon: Pick<Addon, 'info'>,
  ofProcessor: typeof checkProcessor,
): Promise<void> {
  const { isa: chosen, available, checked, threads } = addon.info();
  const ops = options.op ?? checked;
  for (const op of ops) {
    check(checked.includes(op), 'ERR_USAGE', () => `--op is "${op}", expected one of: ${checked.join(', ')}`);
  }
  say(`${threads} ${threads === 1 ? 'thread' : 'threads'}, seed ${seed}`);
  let ok = true;
  const isas = [];
  for (const isa of process.env.VLLTR_ISA ? [chosen] : available) {
    const found: SelftestOp[] = [];
    for (const op of ops) {
      const report = await ofProcessor(isa, op, seed);
      if (typeof report === 'string') {
        say(`${isa} ${op}: ${red('failed')}: ${report}`);
        found.push({ name: op, passed: 0, failed: 1, seconds: 0, failures: [report], timings: [] });
      } else {
        for (const one of report.ops) tell(`${isa} ${one.name}`, one);
        found.push(...report.ops);
      }
    }
    ok &&= found.every(({ failed }) => failed === 0);
    isas.push({ isa, ops: found });
  }
  if (options.json) await writeJson(options.json, { ok, seed, threads, isas });
  if (!ok) process.exitCode = 1;
}

function tell(name: string, { passed, failed, seconds, failures }: SelftestOp): void {
  for (const failure of failures) say(`  ${red('failed')} ${failure}`);
  const outcome = failed ? red(`${failed} failed`) : green('all hold');
  say(`${name}: ${passed + failed} checks, ${outcome} (${seconds.toFixed(1)} s)`);
}

function timingTable(timings: readonly SelftestTiming[]): string {
  const rows = timings.map(({ op, size, precision, milliseconds, flops, bytes, workspace }) => {
    const rate = (amount: number, unit: number) =>
      milliseconds === null ? null : (amount / (milliseconds / 1e3) / unit).toFixed(1);
    return [
      `${op} ${size} ${precision}`,
      milliseconds?.toFixed(3) ?? null,
      rate(flops, 1e12),
      rate(bytes, 1e9),
      (workspace / 2 ** 20).toFixed(1),
    ];
  });
  return table(['', 'ms', 'TFLOP/s', 'GB/s', 'workspace, MiB'], rows);
}
