import { classesChart, classesTable } from './classesChart.js';
import { curvesChart } from './curvesChart.js';
import { exampleCards } from './examples.js';
import { groupsChart } from './groupsChart.js';
import { type Content, type Html, html, raw } from './html.js';
import { configuration, confusedTable, heading, headline, results } from './results.js';
import { STYLE } from './style.js';
import type { ReportData } from './types.js';

/** Nothing is ever fetched or run, whatever a name or sentence may hold. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** A titled part; left out when there is nothing in it. */
function section(title: string, ...parts: (Html | undefined)[]): Content {
  return (
    parts.some(Boolean) &&
    html`<section><h2>${title}</h2>
${parts}
</section>
`
  );
}

/** The whole report as one HTML page. Equal data gives equal text. @throws VlltrError ERR_ARGUMENT */
export async function renderReport(data: ReportData): Promise<string> {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<title>${data.title}</title>
<style>${raw(STYLE)}</style></head>
<body><main>
${heading(data)}
${headline(data)}
${section('Results', results(data))}
${section('Accuracy by shot group', groupsChart(data))}
${section('Accuracy by class', classesChart(data), classesTable(data))}
${section('Training', curvesChart(data))}
${section('Examples', await exampleCards(data))}
${section('Most confused pairs', confusedTable(data))}
${section('Configuration', configuration(data))}
</main></body></html>
`.text;
}
