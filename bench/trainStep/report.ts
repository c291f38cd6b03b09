import type { ClipConfig } from '../../lib/clip/config.js';
import type { OpAccount } from '../support/opCount.js';
import { type Timing, table } from '../support/statistics.js';
import { MODES, type Mode } from './protocol.js';

/** Seconds a step of each contender, and how they compare. A ratio below 1 means that we are faster. */
export interface ModeResult {
  seconds: Record<string, Timing>;
  /** PyTorch in the memory format that is faster here. */
  peer?: string;
  /** Our median over the peer's. */
  oursToTorch?: number;
  /** Our median over plain TensorFlow.js's. */
  oursToTfjs?: number;
}

export interface RowResult {
  row: string;
  batch: number;
  visual: ClipConfig['visual'];
  /** Before any update, the same in every contender. */
  loss: number;
  modes: Record<Mode, ModeResult>;
  /** Where one gradient's time goes, by contender. */
  accounts: Record<string, OpAccount>;
}

export function results(seconds: Record<string, Timing>): ModeResult {
  const ours = seconds.ours!.median;
  const [peer] = Object.keys(seconds)
    .filter((name) => name.startsWith('torch'))
    .sort((a, b) => seconds[a]!.median - seconds[b]!.median);
  return {
    seconds,
    ...(peer ? { peer, oursToTorch: ours / seconds[peer]!.median } : {}),
    ...(seconds.tfjs ? { oursToTfjs: ours / seconds.tfjs.median } : {}),
  };
}

const LABELS: Record<Mode, string> = { gradient: 'forward + backward', update: '… + AdamW' };
const ms = (seconds: number): string => (seconds * 1000).toFixed(seconds < 0.1 ? 1 : 0);
const percent = (part: number, whole: number): string => `${Math.round((100 * part) / whole)} %`;
const ratio = (x: number | undefined): string => (x === undefined ? '–' : x.toFixed(2));

/** A row as a table, and under it what limits each contender. */
export function limits({ row, batch, modes, accounts }: RowResult): string {
  const names = Object.keys(modes.gradient.seconds);
  const head = [`${row}, batch ${batch}: ms a step`, ...names, 'ours/torch', 'ours/tfjs'];
  const body = MODES.map((mode) => {
    const { seconds, oursToTorch, oursToTfjs } = modes[mode];
    return [LABELS[mode], ...names.map((name) => ms(seconds[name]!.median)), ratio(oursToTorch), ratio(oursToTfjs)];
  });
  const lines = Object.entries(accounts)
    .filter(([name]) => !name.startsWith('torch') || name === modes.gradient.peer)
    .map(([name, account]) => `  ${name}: ${accountLine(account)}`);
  return `\n${table([head, ...body])}\nwhat limits forward + backward:\n${lines.join('\n')}`;
}

function accountLine({ ops, seconds, outside, dispatch, top }: OpAccount): string {
  const parts = [`${ops} ops`];
  if (dispatch !== undefined) {
    const all = ops * dispatch;
    parts.push(`dispatch ≈ ${(dispatch * 1e6).toFixed(0)} µs each, ${ms(all)} ms (${percent(all, seconds)})`);
  }
  if (outside !== undefined) parts.push(`JavaScript between ops ${ms(outside)} ms (${percent(outside, seconds)})`);
  const costliest = top.map(({ name, count, seconds: own }) => `${name} ×${count} ${percent(own, seconds)}`);
  return `${parts.join(', ')}; ${costliest.join(', ')}`;
}
