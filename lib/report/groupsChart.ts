import { AXIS, color, drawing, legend, responsive, WIDE } from './charts.js';
import { COLUMN_TITLES, COLUMNS, capitalised, percent, splitName } from './format.js';
import { type Html, html } from './html.js';
import type { ReportData, ResultRow } from './types.js';

/** More bars than this cannot be told apart; the table has the rest. */
const MOST_ROWS = 7;
const FIXED: Record<string, string> = {
  'zero-shot': 'grey',
  baseline: 'baseline',
  stage1: 'other-1',
  'vl-ltr-visual': 'visual',
  'vl-ltr-text': 'text-branch',
  'vl-ltr': 'accent',
};

const SPARE = ['other-2', 'other-3', 'other-1', 'grey', 'visual', 'text-branch', 'accent'];

const rowColor = (row: ResultRow, i: number): string => color(FIXED[row.name] ?? SPARE[i % SPARE.length]!);

/** All rows if there are few, else those every comparison has, else the first. */
function shownRows(rows: readonly ResultRow[]): readonly ResultRow[] {
  if (rows.length <= MOST_ROWS) return rows;
  const main = rows.filter((row) => Object.hasOwn(FIXED, row.name));
  return main.length > 1 ? main : rows.slice(0, MOST_ROWS);
}

/** Grouped bars: accuracy of every row by shot group, the baseline's level dashed across its group. */
export function groupsChart({ rows, split }: ReportData): Html | undefined {
  const shown = shownRows(rows);
  const columns = COLUMNS.filter((column) => shown.some((row) => row[column] !== null));
  if (columns.length === 0) return undefined;
  const baseline = shown.find((row) => row.name === 'baseline');
  const last = shown.findLast((row) => row.name.startsWith('vl-ltr'));
  const label = `Accuracy in percent. ${columns
    .map((c) => `${COLUMN_TITLES[c]}: ${shown.map((row) => `${row.name} ${percent(row[c])}`).join(', ')}`)
    .join('. ')}.`;
  const level = baseline && {
    type: 'custom',
    silent: true,
    z: 5,
    data: columns.flatMap((c, i) => (baseline[c] === null ? [] : [[i, baseline[c]]])),
    renderItem: (_: unknown, api: CustomApi) => {
      const [x, y] = api.coord([api.value(0), api.value(1)]) as [number, number];
      const half = (api.size([1, 0]) as [number, number])[0] * 0.43;
      return {
        type: 'line',
        shape: { x1: x - half, y1: y, x2: x + half, y2: y },
        style: { stroke: color('baseline'), lineWidth: 1.25, lineDash: [4, 3] },
      };
    },
  };
  const draw = (width: number, id: string) =>
    drawing({
      id,
      label,
      width,
      height: width === WIDE ? 320 : 260,
      option: {
        grid: { left: 34, right: 4, top: 18, bottom: 26 },
        xAxis: {
          ...AXIS,
          type: 'category',
          data: columns.map((c) => COLUMN_TITLES[c]),
          axisLabel: { color: color('text'), fontSize: 13 },
        },
        yAxis: { ...AXIS, type: 'value', min: 0, axisLine: { show: false } },
        series: [
          ...shown.map((row, i) => ({
            type: 'bar',
            barGap: '8%',
            barCategoryGap: '14%',
            itemStyle: { color: rowColor(row, i), borderRadius: [2, 2, 0, 0] },
            label: {
              show: width === WIDE && (row === baseline || row === last),
              position: 'top',
              distance: 4,
              color: color('text'),
              fontSize: 11,
              formatter: ({ value }: { value: unknown }) => percent(value as number),
            },
            data: columns.map((c) => row[c]),
          })),
          ...(level ? [level] : []),
        ],
      },
      hint: (series, index) => {
        const [row, column] = [shown[series], columns[index]];
        return row && column && `${row.name}, ${COLUMN_TITLES[column].toLowerCase()}: ${percent(row[column])} %`;
      },
    });
  const rest = rows.length - shown.length;
  return html`<figure>
${legend(shown.map((row, i) => ({ name: row.name, color: rowColor(row, i) })))}
${responsive('groups', draw)}
<figcaption>${capitalised(splitName({ split }))} accuracy in percent${baseline ? '; the dashed lines are the baseline’s level' : ''}.${
    rest > 0 && ` The table has ${rest} more ${rest === 1 ? 'row' : 'rows'}.`
  }</figcaption>
</figure>`;
}

/** What the library gives a custom drawing. */
interface CustomApi {
  value(dimension: number): number;
  coord(point: number[]): number[];
  size(extent: number[]): number | number[];
}
