import { plural } from '../plural.js';
import { AXIS, color, drawing, legend, responsive, WIDE } from './charts.js';
import { methodName, percent, splitName } from './format.js';
import { type Html, html } from './html.js';
import type { ReportData } from './types.js';

type Class = ReportData['classes'][number];
type Side = 'accuracy' | 'baseline';
type Point = [x: number, y: number];

const TICKS = [1, 2, 5, 10, 20, 50];

/** Round counts between two bounds, about evenly apart on a log scale. */
function countTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = 1; power <= high; power *= 100) {
    for (const tick of TICKS) if (tick * power >= low && tick * power <= high) ticks.push(tick * power);
  }
  return ticks;
}

/** Classes with a value of `side`, by training count. */
const known = (classes: readonly Class[], side: Side): Class[] =>
  classes.filter((c) => c.trainCount > 0 && c[side] !== null).sort((a, b) => a.trainCount - b.trainCount);

/**
 * Moving average over the classes in order of their counts: a point for each count, the mean of the `window` classes
 * around the middle of those with this count.
 * @returns [log10 count, mean accuracy], counts ascending
 */
export function movingAverage(classes: readonly Class[], side: Side, window: number): Point[] {
  const sorted = known(classes, side);
  const points: Point[] = [];
  for (let first = 0; first < sorted.length; ) {
    const n = sorted[first]!.trainCount;
    let end = first;
    while (end < sorted.length && sorted[end]!.trainCount === n) end++;
    const size = Math.min(sorted.length, Math.max(window, end - first));
    const from = Math.min(Math.max(0, Math.round((first + end - size) / 2)), sorted.length - size);
    const part = sorted.slice(from, from + size);
    points.push([Math.log10(n), part.reduce((sum, c) => sum + c[side]!, 0) / size]);
    first = end;
  }
  return points;
}

/** Neighbouring classes of one mean: a tenth of them, odd. 1 says that there are too few for a line. */
export const meanWindow = (classes: number): number => 2 * Math.floor(classes / 20) + 1;

/** Scatter of accuracy over training count, with classes enough a moving average of each side over it. */
export function classesChart(data: ReportData): Html | undefined {
  const { classes, shots } = data;
  const own = known(classes, 'accuracy');
  if (own.length === 0) return undefined;
  const theirs = known(classes, 'baseline');
  const counts = [...own, ...theirs].map((c) => c.trainCount);
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  const window = meanWindow(own.length);
  const sides = [
    { side: 'baseline' as const, name: 'baseline', color: color('baseline'), members: theirs },
    { side: 'accuracy' as const, name: methodName(data), color: color('accent'), members: own },
  ].filter(({ members }) => members.length > 0);
  const lines = window === 1 ? [] : sides.map((side) => ({ ...side, mean: movingAverage(classes, side.side, window) }));
  const ends = lines.map(({ name, mean }) => `${name} ${percent(mean[0]![1])} to ${percent(mean.at(-1)![1])}`);
  const averages = ends.length > 0 ? ` Moving average: ${ends.join(', ')}.` : '';
  const bounds = [shots.fewUpTo, shots.manyAbove].filter((n) => n >= low && n < high).map((n) => Math.log10(n + 0.5));
  const draw = (width: number, id: string) =>
    drawing({
      id,
      label: `Accuracy in percent of ${plural(own.length, 'class', 'classes')} over their training pictures, from ${low} to ${high}.${averages}`,
      width,
      height: width === WIDE ? 380 : 300,
      option: {
        grid: { left: 38, right: 12, top: 12, bottom: 44 },
        xAxis: {
          ...AXIS,
          type: 'value',
          min: Math.log10(low) - 0.04,
          max: Math.log10(high) + 0.04,
          name: 'training pictures of the class',
          nameLocation: 'middle',
          nameGap: 28,
          axisLabel: {
            ...AXIS.axisLabel,
            customValues: countTicks(low, high).map(Math.log10),
            formatter: (x: number) => String(Math.round(10 ** x)),
          },
          splitLine: { show: false },
        },
        yAxis: { ...AXIS, type: 'value', min: 0, max: 100, axisLine: { show: false } },
        series: [
          ...sides.map(({ side, color, members }, i) => ({
            type: 'scatter',
            clip: false, // a dot at 100 % is a whole one
            symbolSize: width === WIDE ? 6 : 5,
            itemStyle: { color, opacity: 0.32 },
            data: members.map((c): Point => [Math.log10(c.trainCount), c[side]!]),
            ...(i === 0 && {
              markLine: {
                symbol: 'none',
                label: { show: false },
                lineStyle: { color: 'var(--line-strong)', width: 1, type: [2, 3] },
                data: bounds.map((xAxis) => ({ xAxis })),
              },
            }),
          })),
          ...lines.map(({ color, mean }) => ({
            type: 'line',
            silent: true,
            showSymbol: false,
            lineStyle: { color, width: 2.5 },
            data: mean,
          })),
        ],
      },
      hint: (series, index) => {
        const { side, name, members } = sides[series] ?? {};
        const c = members?.[index];
        return c && `${c.name}: ${name} ${percent(c[side!])} %, ${plural(c.trainCount, 'training picture')}`;
      },
    });
  const without = classes.filter((c) => c.trainCount === 0).length;
  return html`<figure>
${legend([...sides].reverse().map(({ name, color }) => ({ name, color })))}
${responsive('classes', draw)}
<figcaption>A dot is a class: its ${splitName(data)} accuracy in percent.${lines.length > 0 && ` The lines are means over ${window} neighbouring classes.`}
Dotted verticals bound the shot groups.${without > 0 && ` ${plural(without, 'class has', 'classes have')} no training picture and no dot.`}</figcaption>
</figure>`;
}

/** Every class's numbers, folded. */
export function classesTable(data: ReportData): Html | undefined {
  const { classes } = data;
  if (classes.length === 0) return undefined;
  const withBaseline = classes.some((c) => c.baseline !== null);
  const sorted = [...classes].sort((a, b) => a.trainCount - b.trainCount || (a.name < b.name ? -1 : 1));
  return html`<details><summary>All ${plural(classes.length, 'class', 'classes')} as a table</summary>
<div class="scroll tall" role="region" aria-label="All classes" tabindex="0"><table>
<thead><tr><th scope="col">Class</th><th scope="col" class="n">Training pictures</th><th scope="col" class="n">${methodName(data)}, %</th>${
    withBaseline && html`<th scope="col" class="n">Baseline, %</th>`
  }</tr></thead>
<tbody>${sorted.map(
    (
      c,
    ) => html`<tr><th scope="row">${c.name}</th><td class="n">${c.trainCount}</td><td class="n">${percent(c.accuracy)}</td>${
      withBaseline && html`<td class="n">${percent(c.baseline)}</td>`
    }</tr>
`,
  )}</tbody></table></div></details>`;
}
