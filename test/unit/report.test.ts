import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { curvesChart, percentAxis, stageCurves, thin } from '../../lib/report/curvesChart.js';
import { barWidth, comparisons, difference, groupRange, percent, signed } from '../../lib/report/format.js';
import { escapeHtml, html, raw } from '../../lib/report/html.js';
import { type ReportData, renderReport, writeReport } from '../../lib/report/index.js';
import { pictureUri } from '../../lib/report/pictures.js';
import { sampleReport } from './reportSample.js';

const EMPTY: ReportData = {
  title: 'Nothing yet',
  facts: [],
  rows: [],
  shots: { manyAbove: 100, fewUpTo: 20 },
  curves: [],
  classes: [],
  examples: [],
  confused: [],
};

/** The numbers at the axes of the drawings in a page. */
const axisNumbers = (page: string): string[] => [...page.matchAll(/>([\d,.]+)<\/text>/g)].map(([, text]) => text!);

/** Every attribute and start tag of a page, without the text between the tags. */
const tags = (page: string): string =>
  (page.replace(/<style>[\s\S]*?<\/style>/, '').match(/<[^>]*>/g) ?? []).join('\n');

const row = (name: string, all: number | null, few: number | null = null) => ({
  name,
  all,
  many: null,
  medium: null,
  few,
});

describe('html', () => {
  it('escapes what could end an element or an attribute', () => {
    expect(escapeHtml(`<a b="c" d='e'>&amp;\0`)).toBe('&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;\uFFFD');
  });

  it('escapes every value but markup, in lists too, and drops what is absent', () => {
    const value = html`<p>${'<i>'}${raw('<b>')}${['<u>', html`<s>${'&'}</s>`]}${null}${undefined}${false}${0}</p>`;
    expect(value.text).toBe('<p>&lt;i&gt;<b>&lt;u&gt;<s>&amp;</s>0</p>');
  });
});

describe('format', () => {
  it('writes percentages, signs and bars', () => {
    expect([percent(12.34), percent(null), percent(Number.NaN)]).toEqual(['12.3', '–', '–']);
    expect([signed(1.25, 2), signed(-1.25, 2), signed(-0.01)]).toEqual(['+1.25', '−1.25', '0.0']);
    expect([barWidth(0.5), barWidth(-1), barWidth(7), barWidth(Number.NaN)]).toEqual([
      '50.0%',
      '0.0%',
      '100.0%',
      '0.0%',
    ]);
  });

  it('sets a variant only against the baseline trained as it was', () => {
    const rows = ['baseline', 'vl-ltr-visual', 'vl-ltr', 'vl-ltr-balanced', 'baseline-balanced'].map((n, i) =>
      row(n, 50 + i),
    );
    const pairs = (names: string[]) =>
      comparisons(rows.filter((r) => names.includes(r.name))).map((d) => `${d.ours.name}/${d.baseline.name}`);
    expect(pairs(rows.map((r) => r.name))).toEqual(['vl-ltr/baseline', 'vl-ltr-balanced/baseline-balanced']);
    expect(pairs(['baseline', 'vl-ltr-visual'])).toEqual(['vl-ltr-visual/baseline']);
    expect(pairs(['baseline-balanced', 'vl-ltr-balanced'])).toEqual(['vl-ltr-balanced/baseline-balanced']);
    expect(pairs(['vl-ltr'])).toEqual([]);
    expect(pairs(['baseline'])).toEqual([]);
  });

  it('has no difference where a side has no accuracy', () => {
    const pair = { ours: row('vl-ltr', 60, null), baseline: row('baseline', 57.5, 30) };
    expect([difference(pair, 'all'), difference(pair, 'few'), difference(pair, 'many')]).toEqual([2.5, null, null]);
  });

  it('names the training counts of a group', () => {
    const shots = { manyAbove: 50, fewUpTo: 10 };
    expect((['many', 'medium', 'few'] as const).map((c) => groupRange(c, shots))).toEqual([
      'more than 50',
      '11 to 50',
      'up to 10',
    ]);
    expect(groupRange('medium', { manyAbove: 11, fewUpTo: 10 })).toBe('11');
    expect(groupRange('medium', { manyAbove: 10, fewUpTo: 10 })).toBe('none');
  });
});

describe('charts', () => {
  it('names the last step, and no step that would run into it', () => {
    const metrics = [
      { step: 1, loss: 5 },
      { step: 1000, loss: 1 },
    ];
    const page = curvesChart({ ...EMPTY, curves: [{ stage: 'baseline', metrics }] })!.text;
    expect(axisNumbers(page).slice(-4)).toEqual(['0', '300', '600', '1,000']);
  });

  it('keeps the axis of accuracies within a hundred, however few there are', () => {
    expect(percentAxis([71.8])).toEqual({ min: 70, max: 80, interval: 5 });
    expect(percentAxis([44.3, 91])).toEqual({ min: 40, max: 100, interval: 15 });
    expect(percentAxis([100])).toEqual({ min: 90, max: 100, interval: 5 });
    expect(percentAxis([0])).toEqual({ min: 0, max: 10, interval: 5 });
    expect(percentAxis([3, 65])).toEqual({ min: 0, max: 70, interval: 35 });
  });

  it('tells losses from other numbers and drops a part that is the loss itself or switched off', () => {
    const lines = [1, 2].map((step) => ({
      stage: 'a',
      step,
      lr: 0.1,
      loss: 3 / step,
      visual: 3 / step,
      text: 1 / step,
      distillation: 0,
      gradNorm: 2,
      logitScale: 4,
      seconds: 9,
      replaced: 1,
      ...(step === 2 && { val_text: 40, valAccuracy: 50, valLoss: 2, note: 'x', val_visual: null }),
    }));
    const { losses, accuracies } = stageCurves(lines);
    expect(losses).toEqual([
      {
        name: 'loss',
        points: [
          [1, 3],
          [2, 1.5],
        ],
      },
      {
        name: 'text',
        points: [
          [1, 1],
          [2, 0.5],
        ],
      },
      { name: 'validation loss', points: [[2, 2]] },
    ]);
    expect(accuracies).toEqual([
      { name: 'text', points: [[2, 40]] },
      { name: 'accuracy', points: [[2, 50]] },
    ]);
  });

  it('averages long curves and keeps their mean', () => {
    const points = Array.from({ length: 1600 }, (_, i): [number, number] => [i, i % 10]);
    const short = thin(points);
    expect(short).toHaveLength(160);
    expect(short.every(([, y]) => y === 4.5)).toBe(true);
    expect(thin(points.slice(0, 20))).toEqual(points.slice(0, 20));
  });
});

describe('pictures', () => {
  it('keeps the pixels', async () => {
    const pixels = Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => i * 5);
    const uri = await pictureUri(pixels, 4);
    const { data, info } = await sharp(Buffer.from(uri.replace('data:image/png;base64,', ''), 'base64'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([4, 4, 3]);
    expect(new Uint8Array(data)).toEqual(pixels);
  });

  it('refuses bytes that do not fit the size', async () => {
    await expect(pictureUri(new Uint8Array(47), 4)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});

describe('report', () => {
  it('is one file that fetches and runs nothing', async () => {
    const page = await renderReport(sampleReport());
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).not.toMatch(/<(script|link|iframe|object|embed|base)\b/i);
    expect(page).not.toMatch(/@import|url\((?!#)/);
    expect(tags(page).replace(/"[^"]*"/g, '""')).not.toMatch(/\son\w+=/i);
    for (const [, source] of page.matchAll(/ (?:src|href)="([^"]*)"/g))
      expect(source).toMatch(/^(data:image\/png;base64,|#)/);
    expect(page).toContain("default-src 'none'");
  });

  it('gives equal text for equal data', async () => {
    const first = await renderReport(sampleReport(40));
    await renderReport(EMPTY);
    expect(await renderReport(sampleReport(40))).toBe(first);
  });

  it('has an id once at most', async () => {
    const ids = Array.from(tags(await renderReport(sampleReport())).matchAll(/ id="([^"]*)"/g), ([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('escapes every text of the data', async () => {
    const evil = `"'><img src=x onerror=alert(1)></script><script>alert(2)</script>`;
    const taint = (value: unknown): unknown => {
      if (typeof value === 'string') return evil + value;
      if (value instanceof Uint8Array || value === null || typeof value !== 'object') return value;
      if (Array.isArray(value)) return value.map(taint);
      return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, taint(v)]));
    };
    const sample = sampleReport(40);
    const data = taint(sample) as ReportData;
    // Names of metrics come from files as well.
    data.curves.push({ stage: evil, metrics: [{ step: 1, loss: 1, [evil]: 2, [`val${evil}`]: 3 }] });
    data.rows.push({ ...sample.rows[5]!, name: 'vl-ltr' }, { ...sample.rows[1]!, name: 'baseline' });
    const page = await renderReport(data);
    expect(page).not.toMatch(/<script|<img src=x|<\/script/i);
    // Outside quoted values no handler has come about.
    expect(tags(page).replace(/"[^"]*"/g, '""')).not.toMatch(/onerror/i);
    // Where the text stands: facts, rows, classes, guesses, sentences, pairs, curves, hints of the charts, configuration.
    expect(page.split('&quot;&#39;&gt;&lt;img').length).toBeGreaterThan(150);
    // The same elements as without it: nothing was opened or closed by a text.
    const plain = sampleReport(40);
    const count = (text: string, tag: string) => text.split(`<${tag}`).length;
    const clean = await renderReport({ ...plain, rows: plain.rows });
    for (const tag of ['img', 'article', 'style', 'main']) expect(count(page, tag)).toBe(count(clean, tag));
  });

  it('leaves out parts that are missing', async () => {
    const page = await renderReport(EMPTY);
    expect(page).toContain('<h1>Nothing yet</h1>');
    expect(page).not.toMatch(/<h2|<svg|<table|undefined|NaN|null/);
  });

  it('does without a baseline', async () => {
    const sample = sampleReport(40);
    const page = await renderReport({
      ...sample,
      rows: sample.rows.filter((r) => !r.name.startsWith('baseline')),
      rowsByClassMean: undefined,
      classes: sample.classes.map((c) => ({ ...c, baseline: null })),
      examples: sample.examples.map(({ baseline: _, ...example }) => ({ ...example, sentences: [] })),
    });
    expect(page).not.toMatch(/baseline’s|Baseline|class="tiles"|<tfoot/);
    expect(page).not.toMatch(/undefined|NaN|Infinity/);
    expect(page).not.toContain('Mean over classes');
  });

  it('has one table of results where both conventions give the same figures', async () => {
    const sample = sampleReport(40);
    const tables = async (rowsByClassMean: typeof sample.rows) => {
      const page = await renderReport({ ...sample, rowsByClassMean });
      return [...page.matchAll(/<caption>(.*?)<\/caption>/g)].map(([, caption]) => caption);
    };
    // Means over seeds are rounded each by itself.
    const same = sample.rows.map((row) => ({ ...row, all: row.all! + 1e-4 }));
    expect(await tables(same)).toEqual(['Over all test pictures; as the mean over classes the same']);
    const two = ['Over all test pictures', 'Mean over classes'];
    expect(await tables(sample.rows.map((row, i) => (i ? row : { ...row, few: row.few! - 0.01 })))).toEqual(two);
    expect(await tables(sample.rows.map((row, i) => (i ? row : { ...row, few: null })))).toEqual(two);
  });

  it('shows a dash where a group or a class has no test picture', async () => {
    const sample = sampleReport(40);
    const rows = sample.rows.map((r) => ({ ...r, many: null }));
    const page = await renderReport({
      ...sample,
      rows,
      rowsByClassMean: rows,
      classes: sample.classes.map((c, i) => (i % 2 ? { ...c, accuracy: null, baseline: null } : c)),
    });
    expect(page).toContain('<strong class="">–</strong>');
    expect(page).toContain('<td class="n">–</td>');
    expect(page).not.toMatch(/undefined|NaN|Infinity/);
  });

  it('draws one class, one step and counts of 0', async () => {
    const page = await renderReport({
      ...EMPTY,
      classes: [
        { name: 'only', trainCount: 7, accuracy: 50, baseline: 40 },
        { name: 'unseen', trainCount: 0, accuracy: 0, baseline: 0 },
      ],
      curves: [{ stage: 'short', metrics: [{ step: 1, loss: 2 }] }],
    });
    expect(page).toContain('1 class has no training picture');
    expect(page).not.toMatch(/NaN|Infinity/);
  });

  it('is readable without its pictures', async () => {
    const page = await renderReport(sampleReport(40));
    for (const [img] of page.matchAll(/<img [^>]*>/g)) expect(img).toMatch(/ alt="Test picture of [^"]+"/);
    for (const [svg] of page.matchAll(/<svg [^>]*>/g)) expect(svg).toMatch(/role="img" aria-label="[^"]{20,}"/);
    for (const [head] of page.matchAll(/<th[ >][^>]*>?/g)) expect(head).toMatch(/scope="(col|row)"/);
    expect(page).toContain('<html lang="en">');
  });

  it('keeps its configuration folded and whole', async () => {
    const page = await renderReport({ ...EMPTY, config: { text: '</pre><b>' } });
    expect(page).toContain('<details><summary>Configuration of the run</summary>');
    expect(page).toContain('&lt;/pre&gt;&lt;b&gt;');
  });

  it('is written whole, folders made', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'vl-ltr-report-'));
    try {
      await writeReport(join(dir, 'runs', 'report.html'), EMPTY);
      expect(await readFile(join(dir, 'runs', 'report.html'), 'utf8')).toBe(await renderReport(EMPTY));
      expect(await readdir(join(dir, 'runs'))).toEqual(['report.html']);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
