import type { BenchResult } from '../support/bench.js';
import type { Figures } from '../support/figures.js';
import { mebibytes, ms, percent, type SizeResult } from '../support/report.js';
import { label } from '../trainStep/contenders.js';
import type { RowResult } from '../trainStep/report.js';

type Cell = string | undefined;

/** A table as Biome and Prettier format Markdown. */
function markdown(rows: readonly (readonly Cell[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => cell ?? ''));
  const widths = cells[0]!.map((_, i) => Math.max(3, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [
    line(cells[0]!),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...cells.slice(1).map(line),
    '',
  ];
}

/** Contenders of any of the kernels, in the order of the columns; `torch` is PyTorch's fastest uncompiled form. */
const OURS = ['ours', 'ours-bf16', 'node'];
const PEER_GROUPS: [head: string, names: string[]][] = [
  ['plain tfjs', ['plain']],
  ['on wasm', ['plain-wasm']],
  ['PyTorch', ['eager', 'formula', 'algebra', 'torch', 'foreach', 'fused']],
  ['compiled', ['compiled', 'formula-compiled', 'algebra-compiled']],
  ['PyTorch bf16', ['eager-bf16', 'formula-bf16', 'algebra-bf16', 'torch-bf16']],
];

/** Our times in milliseconds with their share of what the machine can do, and the peers' as multiples of ours. */
export function kernelTables(benches: readonly BenchResult[]): string[] {
  const lines = benches.flatMap(({ bench, sizes }) => sizes.flatMap((size) => modeLines(bench, size)));
  if (!lines.length) return [];
  const heads = [
    '',
    'ms',
    'of the floor',
    'at best',
    'error',
    'MiB',
    'ms in bf16',
    'by Node-API',
    ...PEER_GROUPS.map(([head]) => head),
  ];
  return markdown([heads, ...lines]);
}

function modeLines(bench: string, { size, modes }: SizeResult): Cell[][] {
  return Object.entries(modes).flatMap(([mode, figures]) => {
    const [ours, bf16, node] = OURS.map((name) => figures[name]);
    if (!ours) return [];
    const peers = PEER_GROUPS.map(([, names]) => {
      const best = fastest(names, figures);
      if (!best) return undefined;
      const form = names.length > 1 && best.forms > 1 ? ` (${best.name.split('-')[0]})` : '';
      return `${ratio(best.median / ours.median)}${form}`;
    });
    const title = `${bench} ${size}${Object.keys(modes).length > 1 ? `, ${mode}` : ''}`;
    return [
      [
        title,
        ms(ours.median),
        ours.share && percent(ours.share),
        ours.shareAtBest && percent(ours.shareAtBest),
        ours.error?.toExponential(0),
        ours.memory === undefined ? undefined : mebibytes(ours.memory),
        bf16 && ms(bf16.median),
        node && ratio(node.median / ours.median),
        ...peers,
      ].map((cell) => cell || undefined),
    ];
  });
}

function fastest(
  names: readonly string[],
  figures: Record<string, Figures>,
): { name: string; median: number; forms: number } | undefined {
  const there = names.filter((name) => figures[name]);
  const [name] = there.sort((a, b) => figures[a]!.median - figures[b]!.median);
  return name === undefined ? undefined : { name, median: figures[name]!.median, forms: there.length };
}

const ratio = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)}×`;

/** Ratios of an update's times: below 1 the captured step is faster. */
export function trainStepTable(rows: readonly RowResult[]): string[] {
  const columns = ['captured/op-by-op', 'captured/eager', 'captured/compiled', 'captured-bf16/captured'];
  const lines = rows.flatMap(({ row, batch, modes }) => {
    const { seconds, ratios } = modes.update ?? {};
    if (!seconds?.captured || !ratios) return [];
    return [
      [`${row}, batch ${batch}`, ms(seconds.captured.median), ...columns.map((name) => ratios[name]?.toFixed(2))],
    ];
  });
  if (!lines.length) return [];
  const heads = columns.map((name) => name.split('/').map(label).join(' / '));
  return markdown([['step', `ms ${label('captured')}`, ...heads], ...lines]);
}
