import { BarChart, CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, MarkLineComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { escapeHtml, type Html, html, raw } from './html.js';

use([BarChart, CustomChart, LineChart, ScatterChart, GridComponent, MarkLineComponent, SVGRenderer]);

/** Colours are the page's CSS variables, so that one drawing serves light and dark. */
export const color = (name: string): string => `var(--${name})`;

/** How all axes look. */
export const AXIS = {
  axisLine: { lineStyle: { color: color('line-strong') } },
  axisTick: { show: false },
  axisLabel: { color: color('muted'), fontSize: 12 },
  splitLine: { lineStyle: { color: color('line') } },
  nameTextStyle: { color: color('muted'), fontSize: 12 },
} as const;

export interface Drawing {
  /** Unique in the page: the SVG's own ids begin with it. */
  id: string;
  /** What the drawing shows, for those who cannot see it. */
  label: string;
  width: number;
  height: number;
  option: EChartsCoreOption;
  /** What a pointer resting on a point is told. */
  hint?: (series: number, index: number) => string | undefined;
}

/**
 * A chart as inline SVG, drawn without a browser. No text of the user's may go into `option`: names belong into the
 * HTML around the chart.
 */
export function drawing({ id, label, width, height, option, hint }: Drawing): Html {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: 'transparent',
      textStyle: { fontFamily: 'system-ui, sans-serif' },
      ...option,
    });
    return raw(inlineSvg(chart.renderToSVGString(), id, label, hint));
  } finally {
    chart.dispose();
  }
}

/** Takes from the library's SVG what counts charts (so that equal data gives equal pages) and what a page needs not. */
function inlineSvg(svg: string, id: string, label: string, hint: Drawing['hint']): string {
  return svg
    .replace(/<style[^>]*>[\s\S]*?<\/style>/g, '')
    .replace(/ class="[^"]*"/g, '')
    .replace(/ xmlns(:\w+)?="[^"]*"| version="[^"]*"| baseProfile="[^"]*"| pointer-events="[^"]*"/g, '')
    .replace(/( id="|url\(#|href="#)zr\d+-/g, `$1${id}-`)
    .replace(/<(\w+)([^>]*) ecmeta_series_index="(\d+)" ecmeta_data_index="(\d+)"([^>]*)>/g, (_, tag, a, s, d, b) => {
      const text = hint?.(Number(s), Number(d));
      return `<${tag}${a}${b}>${text ? `<title>${escapeHtml(text)}</title>` : ''}`;
    })
    .replace(/ ecmeta_\w+="[^"]*"/g, '')
    .replace('<svg', `<svg role="img" aria-label="${escapeHtml(label)}"`)
    .trim();
}

/** Widths (px) at which a chart is drawn: its letters keep their size on a telephone as on a desk. */
export const WIDE = 880;
export const NARROW = 344;

/** A chart drawn twice; the page shows the one that fits. */
export function responsive(id: string, draw: (width: number, id: string) => Html): Html {
  return html`<div class="wide">${draw(WIDE, `${id}-wide`)}</div><div class="narrow">${draw(NARROW, `${id}-narrow`)}</div>`;
}

/** A legend of coloured marks. */
export function legend(entries: readonly { name: string; color: string; line?: boolean }[]): Html {
  return html`<ul class="legend">${entries.map(
    (entry) =>
      html`<li><i class="${entry.line ? 'key line' : 'key'}" style="background:${entry.color}"></i>${entry.name}</li>`,
  )}</ul>`;
}
