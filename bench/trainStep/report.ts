import type { ClipConfig } from '../../lib/clip/config.js';
import type { Memory } from '../support/memory.js';
import { type Timing, table } from '../support/statistics.js';
import { CONTENDERS, label, MODE_LABELS } from './contenders.js';
import type { Accounted, Mode } from './protocol.js';
import type { Row } from './rows.js';

/** What the contenders took in one mode, by their names. */
interface Figures {
  /** A step. */
  seconds: Record<string, Timing>;
  memory: Record<string, Memory>;
  /** What the first steps took beyond later ones: compiling, recording. Seconds. */
  setUp: Record<string, number>;
  /** The most that was resident during the first steps, in bytes. */
  setUpPeak: Record<string, number>;
  /** Of the first steps. */
  losses: Record<string, number[]>;
}

export interface ModeResult extends Figures {
  /** PyTorch's eager contender in the memory format that is faster here. */
  eager?: string;
  /** Medians over medians; below 1 the first is faster. */
  ratios: Record<string, number>;
  /** The same of the peaks of memory. */
  memoryRatios: Record<string, number>;
}

export interface Failure {
  why: string;
  /** It computes something else, or the bench is no use without it. */
  fatal: boolean;
}

export interface RowResult {
  row: string;
  kind: Row['kind'];
  batch: number;
  tokens?: number;
  visual: ClipConfig['visual'];
  /** Of op by op's first updates, which all contenders' agree with. */
  losses: number[];
  /** Program and version of each contender, and the formula it uses. */
  contenders: Record<string, string>;
  formulas: Record<string, string>;
  modes: Partial<Record<Mode, ModeResult>>;
  /** Where one update's time goes, by contender. */
  accounts: Record<string, Accounted>;
  /** Why a contender has no figures, or none from some point on. */
  failures: Record<string, Failure>;
}

/** Which contenders are compared; `eager` is the faster of two. */
const RATIOS: [string, string][] = [
  ['captured', 'eager'],
  ['captured', 'compiled'],
  ['captured', 'op-by-op'],
  ['captured-xla', 'captured'],
  ['captured-bf16', 'captured'],
  ['captured-bf16', 'eager-bf16'],
  ['captured-without-adamw', 'captured'],
  ['captured-without-layer-norm', 'captured'],
  ['captured-without-contrastive', 'captured'],
  ['captured-without-attention', 'captured'],
  ['captured-without-any', 'captured'],
  ['op-by-op', 'eager'],
  ['op-by-op', 'plain'],
];
const MEMORY_RATIOS: [string, string][] = [
  ['captured', 'op-by-op'],
  ['captured', 'eager'],
];

export function results(figures: Figures): ModeResult {
  const { seconds, memory } = figures;
  const [eager] = CONTENDERS.filter(({ name, choice }) => choice === 'eager' && seconds[name])
    .map(({ name }) => name)
    .sort((a, b) => seconds[a]!.median - seconds[b]!.median);
  const compare = (pairs: [string, string][], value: (name: string) => number | undefined): Record<string, number> => {
    const of = (name: string): number => value(name === 'eager' ? (eager ?? name) : name) ?? Number.NaN;
    const ratios = pairs.map(([a, b]) => [`${a}/${b}`, of(a) / of(b)] as const);
    return Object.fromEntries(ratios.filter(([, ratio]) => Number.isFinite(ratio)));
  };
  return {
    ...figures,
    eager,
    ratios: compare(RATIOS, (name) => seconds[name]?.median),
    memoryRatios: compare(MEMORY_RATIOS, (name) => memory[name]?.peak),
  };
}

const ms = (seconds: number): string => (seconds * 1000).toFixed(seconds < 0.1 ? 1 : 0);
const percent = (part: number, whole: number): string => `${Math.round((100 * part) / whole)} %`;
const listed = (ratios: Record<string, number>): string =>
  Object.entries(ratios)
    .map(([name, ratio]) => `${name} ${ratio.toFixed(2)}`)
    .join(', ');

/** A row as a table, and under it what limits each contender. */
export function rowTable(result: RowResult): string {
  const { row, batch, tokens, losses, modes, failures } = result;
  const measured = Object.values(modes);
  const names = CONTENDERS.map(({ name }) => name).filter((name) => measured.some(({ seconds }) => seconds[name]));
  const line = (head: string, cell: (name: string) => string | undefined): string[] => [
    head,
    ...names.map((name) => cell(name) ?? '–'),
  ];
  const mebibytes = (bytes: number | undefined): string | undefined =>
    bytes === undefined ? undefined : (bytes / 2 ** 20).toFixed(0);
  const body = Object.entries(modes).flatMap(([mode, { seconds, memory, setUp, setUpPeak }]) => [
    line(`${MODE_LABELS[mode as Mode]}, ms`, (name) => seconds[name] && ms(seconds[name].median)),
    line('  set-up, s', (name) => setUp[name]?.toFixed(1)),
    line('  peak memory, MiB', (name) => mebibytes(memory[name]?.peak)),
    line('  of the first steps, MiB', (name) => mebibytes(setUpPeak[name])),
  ]);
  const title = `${row}, batch ${batch}${tokens ? `, ${tokens} tokens` : ''}`;
  const lines = [
    '',
    table([line(title, label), ...body]),
    `loss of the first steps, op by op: ${losses.map((loss) => loss.toPrecision(6)).join(', ')}; ${agreement(result)}`,
    ...Object.entries(modes).flatMap(([mode, { ratios, memoryRatios }]) => [
      ...(Object.keys(ratios).length ? [`ratios, ${MODE_LABELS[mode as Mode]}: ${listed(ratios)}`] : []),
      ...(Object.keys(memoryRatios).length ? [`  of peak memory: ${listed(memoryRatios)}`] : []),
    ]),
    ...formulas(result),
    ...limits(result),
    ...Object.entries(failures).map(([name, { why }]) => `left out, ${label(name)}: ${why.split('\n')[0]}`),
  ];
  return lines.join('\n');
}

/** How far each contender's losses are from op by op's. */
function agreement({ losses, modes }: RowResult): string {
  const furthest = Object.entries(modes.update?.losses ?? {}).map(([name, own]) => {
    const differences = own.map((loss, i) => Math.abs(loss / losses[i]! - 1));
    return `${label(name)} ${differences[0]!.toExponential(0)} … ${Math.max(...differences).toExponential(0)}`;
  });
  return `relative difference of the first and at most: ${furthest.join(', ')}`;
}

function formulas({ formulas }: RowResult): string[] {
  const byFormula = new Map<string, string[]>();
  for (const [name, formula] of Object.entries(formulas)) {
    byFormula.set(formula, [...(byFormula.get(formula) ?? []), label(name)]);
  }
  return [...byFormula].map(([formula, names]) => `computed: ${formula} (${names.join(', ')})`);
}

function limits({ modes, accounts }: RowResult): string[] {
  const { eager, seconds = {} } = modes.update ?? {};
  const shown = Object.entries(accounts).filter(([name]) => !name.startsWith('eager') || name === eager);
  const lines = shown.map(([name, account]) => `  ${label(name)}: ${accountLine(account)}`);
  const { flop, peakRate } = (eager && accounts[eager]) || {};
  if (flop && peakRate) {
    const rates = Object.entries(seconds).map(
      ([name, { median }]) => `${label(name)} ${percent(flop / median, peakRate)}`,
    );
    const said = `${(flop / 1e9).toFixed(1)} GFLOP of products and convolutions a step by PyTorch's count`;
    lines.push(`  ${said}; of one large product's ${(peakRate / 1e9).toFixed(0)} GFLOP/s: ${rates.join(', ')}`);
  }
  return lines.length ? ['what limits it:', ...lines] : [];
}

function accountLine({ ops, seconds, outside, dispatch, top }: Accounted): string {
  const parts = [`${ops} ops`];
  if (dispatch !== undefined) {
    const all = ops * dispatch;
    parts.push(`dispatch ≈ ${(dispatch * 1e6).toFixed(0)} µs each, ${ms(all)} ms (${percent(all, seconds)})`);
  }
  if (outside !== undefined) parts.push(`JavaScript between ops ${ms(outside)} ms (${percent(outside, seconds)})`);
  const costliest = top.map(({ name, count, seconds: own }) => `${name} ×${count} ${percent(own, seconds)}`);
  return `${parts.join(', ')}; ${costliest.join(', ')}`;
}

/** All rows in one table: ratios of an update's time and peak memory. */
export function summary(results: readonly RowResult[]): string {
  const columns = RATIOS.map(([a, b]) => `${a}/${b}`).filter((name) =>
    results.some(({ modes }) => modes.update?.ratios[name] !== undefined),
  );
  if (!columns.length) return '';
  const memory = 'memory captured/op-by-op';
  const rows = results.map(({ row, modes }) => [
    row,
    ...columns.map((name) => modes.update?.ratios[name]?.toFixed(2) ?? '–'),
    modes.update?.memoryRatios['captured/op-by-op']?.toFixed(2) ?? '–',
  ]);
  return `\n${table([['time of an update', ...columns, memory], ...rows])}`;
}
