import type { Contender } from './contest.js';
import type { Figures, Peak, Precision, Work } from './figures.js';
import { floorOf } from './figures.js';
import { table } from './statistics.js';

/** One size of a kernel's benchmark. */
export interface SizeResult {
  size: string;
  work: Record<string, Work>;
  contenders: Record<string, string>;
  modes: Record<string, Record<string, Figures>>;
  failures: Record<string, string>;
}

export const milliseconds = (seconds: number): string => (seconds * 1000).toPrecision(seconds < 0.1 ? 2 : 3);
const whole = (ms: string): string => String(Number(ms));
export const ms = (seconds: number): string => whole(milliseconds(seconds));
export const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
export const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** A size as a table, and under it what limits it. */
export function sizeTable(title: string, result: SizeResult, contenders: readonly Contender[], peak?: Peak): string {
  const names = contenders.map(({ name }) => name).filter((name) => result.contenders[name] !== undefined);
  const line = (head: string, cell: (name: string) => string | undefined): string[] => [
    head,
    ...names.map((name) => cell(name) ?? '–'),
  ];
  const body = Object.entries(result.modes).flatMap(([mode, figures]) => {
    const of =
      <K extends keyof Figures>(key: K, form: (value: number) => string) =>
      (name: string): string | undefined => {
        const value = figures[name]?.[key];
        return value === undefined ? undefined : form(value);
      };
    const ours = figures.ours?.median;
    return [
      line(`${mode}, ms`, of('median', ms)),
      ...(ours
        ? [
            line(
              '  over ours',
              of('median', (median) => (median / ours).toPrecision(3)),
            ),
          ]
        : []),
      line('  of the floor', of('share', percent)),
      line('  of the floor, at best', of('shareAtBest', percent)),
      line(
        '  error against float64',
        of('error', (error) => error.toExponential(1)),
      ),
      line('  memory beyond inputs, MiB', of('memory', mebibytes)),
    ];
  });
  return [
    '',
    table([line(title, (name) => name), ...body]),
    ...limits(result, contenders, peak),
    ...fastest(result, contenders),
    ...Object.entries(result.failures).map(([name, why]) => `left out, ${name}: ${why.split('\n')[0]}`),
  ].join('\n');
}

/** The floor of each mode in each precision. */
function limits({ work }: SizeResult, contenders: readonly Contender[], peak?: Peak): string[] {
  if (!peak) return [];
  const precisions = [...new Set(contenders.map(({ precision }) => precision))];
  return Object.entries(work).map(([mode, needed]) => {
    const floors = precisions.map((precision) => {
      const { seconds, limit } = floorOf(needed, precision, peak);
      return `${precision} ${ms(seconds)} ms (${limit} at ${rateOf(limit, precision, peak)})`;
    });
    return `floor, ${mode}: ${[...new Set(floors)].join(', ')}`;
  });
}

const rateOf = (limit: 'arithmetic' | 'memory', precision: Precision, peak: Peak): string =>
  limit === 'memory' ? `${(peak.copy / 1e9).toFixed(1)} GB/s` : `${(peak[precision] / 1e9).toFixed(0)} GFLOP/s`;

/** Which of PyTorch's forms is the fastest, by precision. */
function fastest({ modes }: SizeResult, contenders: readonly Contender[]): string[] {
  return Object.entries(modes).flatMap(([mode, figures]) => {
    const best = (['fp32', 'bf16'] as const).flatMap((precision) => {
      const forms = contenders.filter((c) => c.peer === 'pytorch' && c.precision === precision && figures[c.name]);
      const [first] = forms.sort((a, b) => figures[a.name]!.median - figures[b.name]!.median);
      return first && forms.length > 1 ? [`${first.name} (${precision})`] : [];
    });
    return best.length ? [`PyTorch's fastest, ${mode}: ${best.join(', ')}`] : [];
  });
}
