import {
  COLUMN_TITLES,
  COLUMNS,
  capitalised,
  classesPerColumn,
  comparisons,
  conventionsAgree,
  difference,
  groupRange,
  percent,
  signed,
  splitName,
} from './format.js';
import { type Html, html } from './html.js';
import type { ReportData, ResultRow } from './types.js';

/** Title and facts. */
export function heading({ title, facts }: ReportData): Html {
  return html`<header><h1>${title}</h1>
${facts.length > 0 && html`<dl class="facts">${facts.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`}</header>`;
}

const direction = (value: number | null): string => (value === null ? '' : value > 0 ? 'up' : value < 0 ? 'down' : '');

/** The difference to the baseline by shot group, in large figures. */
export function headline(data: ReportData): Html | undefined {
  const [main] = comparisons(data.rows);
  if (!main) return undefined;
  const counts = classesPerColumn(data);
  return html`<p class="lead">${main.ours.name} against ${main.baseline.name}, ${splitName(data)} accuracy in percentage points</p>
<ul class="tiles">${COLUMNS.map((column) => {
    const value = difference(main, column);
    return html`<li><span class="tile-name">${COLUMN_TITLES[column]}${column !== 'all' && '-shot'}${counts.all > 0 && html` <small>${counts[column]} classes</small>`}</span>
<strong class="${direction(value)}">${value === null ? '–' : signed(value)}</strong>
<span class="tile-of">${percent(main.ours[column])} against ${percent(main.baseline[column])} %</span></li>`;
  })}</ul>`;
}

/** One convention's table with the differences to the baseline below. */
function table(data: ReportData, rows: readonly ResultRow[], caption: string): Html {
  const best = Object.fromEntries(
    COLUMNS.map((c) => [c, Math.max(...rows.map((row) => row[c] ?? Number.NEGATIVE_INFINITY))]),
  );
  const diffs = comparisons(rows);
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table class="results"><caption>${caption}</caption>
<thead><tr><th scope="col">Accuracy, %</th>${COLUMNS.map(
    (c) => html`<th scope="col" class="n" title="${groupRange(c, data.shots)}">${COLUMN_TITLES[c]}</th>`,
  )}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr${row.name === 'vl-ltr' && html` class="ours"`}><th scope="row">${row.name}</th>${COLUMNS.map(
      (c) =>
        html`<td class="n">${row[c] !== null && row[c] === best[c] ? html`<b>${percent(row[c])}</b>` : percent(row[c])}</td>`,
    )}</tr>
`,
  )}</tbody>${
    diffs.length > 0 &&
    html`<tfoot>${diffs.map(
      (d) => html`<tr><th scope="row">${d.ours.name} − ${d.baseline.name}</th>${COLUMNS.map((c) => {
        const value = difference(d, c);
        return html`<td class="n ${direction(value)}">${value === null ? '–' : signed(value)}</td>`;
      })}</tr>
`,
    )}</tfoot>`
  }</table></div>`;
}

/** Both conventions' tables, or one where they give the same figures. */
export function results(data: ReportData): Html | undefined {
  const { rows, rowsByClassMean = [] } = data;
  if (rows.length === 0) return undefined;
  const other = rowsByClassMean.length > 0;
  const same = other && conventionsAgree(rows, rowsByClassMean);
  const which = data.leftOut ? `the readable ${splitName(data)}` : `all ${splitName(data)}`;
  const pooled = `Over ${which} pictures${same ? '; as the mean over classes the same' : ''}`;
  return html`<div class="tables">${table(data, rows, pooled)}${
    other && !same && table(data, rowsByClassMean, 'Mean over classes')
  }</div>
<p class="note">By training pictures of a class: many-shot ${groupRange('many', data.shots)}, medium-shot ${groupRange('medium', data.shots)},
few-shot ${groupRange('few', data.shots)}. Bold: the best of a column.</p>`;
}

/** The most confused pairs. */
export function confusedTable(data: ReportData): Html | undefined {
  const { confused, classes } = data;
  if (confused.length === 0) return undefined;
  const trained = new Map(classes.map((c) => [c.name, c.trainCount]));
  const count = (name: string) =>
    trained.has(name) ? html` <small title="training pictures">${trained.get(name)}</small>` : '';
  return html`<div class="scroll" role="region" aria-label="Most confused pairs" tabindex="0"><table class="confused">
<thead><tr><th scope="col">True class</th><th scope="col">Taken for</th><th scope="col">${capitalised(splitName(data))} pictures</th></tr></thead>
<tbody>${confused.map(
    (
      pair,
    ) => html`<tr><th scope="row">${pair.truth}${count(pair.truth)}</th><td>${pair.predicted}${count(pair.predicted)}</td>
<td><span class="meter" style="--w:${((100 * pair.count) / Math.max(1, pair.of)).toFixed(1)}%"></span>${pair.count} of ${pair.of}</td></tr>
`,
  )}</tbody></table></div>
<p class="note">Small figures: training pictures of the class.</p>`;
}

/** The configuration, folded. */
export function configuration({ config }: ReportData): Html | undefined {
  if (config === undefined || config === null) return undefined;
  return html`<details><summary>Configuration of the run</summary><pre tabindex="0">${JSON.stringify(config, null, 2)}</pre></details>`;
}
