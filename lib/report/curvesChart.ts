import { AXIS, color, drawing, legend } from './charts.js';
import { type Html, html } from './html.js';
import type { Metrics, ReportData } from './types.js';

type Point = [step: number, value: number];
interface Curve {
  name: string;
  points: Point[];
}

/** Points drawn of a curve at most; longer ones are averaged in as many equal stretches. */
const MOST_POINTS = 160;
/** Numbers of a line that are no losses. */
const NO_LOSS = /^(step|stage|seed|lr|epoch)$|seconds|rate|norm|scale|memory|time|replaced/i;
/** The branches keep the colours they have elsewhere in the page. */
const BRANCH_COLORS: Record<string, string> = { visual: 'visual', text: 'text-branch' };
const COLORS = ['accent', 'baseline', 'other-1', 'other-3', 'other-2', 'grey'];
const curveColor = ({ name }: Curve, i: number): string =>
  color((Object.hasOwn(BRANCH_COLORS, name) && BRANCH_COLORS[name]) || COLORS[i % COLORS.length]!);

const numbers = (metrics: readonly Metrics[], key: string): Point[] =>
  metrics.flatMap((line): Point[] => {
    const [step, value] = [line.step, line[key]];
    return typeof step === 'number' && typeof value === 'number' && Number.isFinite(value) ? [[step, value]] : [];
  });

/** The curve with at most MOST_POINTS points: means of equal stretches. */
export function thin(points: Point[]): Point[] {
  if (points.length <= MOST_POINTS) return points;
  return Array.from({ length: MOST_POINTS }, (_, k) => {
    const at = (i: number) => Math.floor((i * points.length) / MOST_POINTS);
    const part = points.slice(at(k), at(k + 1));
    const mean = (j: 0 | 1) => part.reduce((sum, p) => sum + p[j], 0) / part.length;
    return [mean(0), mean(1)];
  });
}

/** `valAccuracy` → accuracy, `val_visual` → visual. */
const validationName = (key: string): string => {
  const name = key.replace(/^val(idation)?[_/.-]?/, '').replace(/([a-z])([A-Z])/g, '$1 $2');
  return name.toLowerCase() || 'accuracy';
};

/** Loss curves and validation accuracies in a stage's lines. */
export function stageCurves(metrics: readonly Metrics[]): { losses: Curve[]; accuracies: Curve[] } {
  const keys = [...new Set(metrics.flatMap(Object.keys))];
  const curve = (key: string, name: string): Curve => ({ name, points: thin(numbers(metrics, key)) });
  const isValidation = (key: string) => key.startsWith('val');
  const isLoss = (key: string) => /loss/i.test(key);
  const loss = curve('loss', 'loss');
  const same = (a: Curve) => JSON.stringify(a.points) === JSON.stringify(loss.points);
  const parts = keys
    .filter((key) => key !== 'loss' && !isValidation(key) && (isLoss(key) || !NO_LOSS.test(key)))
    .map((key) => curve(key, key))
    // A branch on its own is the loss itself, and a part that is switched off is 0 throughout.
    .filter((part) => !same(part) && part.points.some(([, value]) => value !== 0));
  const validation = keys.filter(isValidation);
  const filled = (curves: Curve[]) => curves.filter(({ points }) => points.length > 0);
  return {
    losses: filled([
      loss,
      ...parts,
      ...validation.filter(isLoss).map((key) => curve(key, `validation ${validationName(key)}`)),
    ]),
    accuracies: filled(validation.filter((key) => !isLoss(key)).map((key) => curve(key, validationName(key)))),
  };
}

const HEIGHT = 180;

/** Between the ticks of an axis of percentages. */
const STEPS = [5, 10, 15, 20, 25, 30, 35, 50];

/** Whole tens around percentages, and at most four equal steps: an axis left to itself goes beyond 100. */
export function percentAxis(values: readonly number[]): { min: number; max: number; interval: number } {
  const min = Math.max(0, Math.min(90, Math.floor(Math.min(...values) / 10) * 10));
  const max = Math.min(100, Math.max(min + 10, Math.ceil(Math.max(...values) / 10) * 10));
  const range = max - min;
  return { min, max, interval: STEPS.find((step) => range % step === 0 && range / step <= 4) ?? range };
}

function panel(id: string, label: string, curves: Curve[], steps: number, percent: boolean): Html {
  return drawing({
    id,
    label,
    width: 344,
    height: HEIGHT,
    option: {
      grid: { left: 36, right: 14, top: 12, bottom: 24 },
      xAxis: {
        ...AXIS,
        type: 'value',
        min: 0,
        max: steps,
        splitNumber: 3,
        splitLine: { show: false },
        // The last step is always named, and a tick too near to it is not.
        axisLabel: { ...AXIS.axisLabel, showMaxLabel: true, hideOverlap: true },
      },
      yAxis: {
        ...AXIS,
        type: 'value',
        scale: true,
        splitNumber: 3,
        axisLine: { show: false },
        ...(percent && percentAxis(curves.flatMap(({ points }) => points.map(([, value]) => value)))),
      },
      series: curves.map((curve, i) => ({
        type: 'line',
        data: curve.points,
        symbol: 'circle',
        symbolSize: curve.points.length > 40 ? 0 : 4,
        showSymbol: curve.points.length <= 40,
        lineStyle: { color: curveColor(curve, i), width: 1.75 },
        itemStyle: { color: curveColor(curve, i) },
      })),
    },
    hint: (series, index) => {
      const point = curves[series]?.points[index];
      return point && `${curves[series]!.name} at step ${Math.round(point[0])}: ${point[1].toPrecision(4)}`;
    },
  });
}

/** First and last value of each curve, in words. */
const inWords = (curves: Curve[]): string =>
  curves
    .map(({ name, points }) => `${name} from ${points[0]![1].toPrecision(3)} to ${points.at(-1)![1].toPrecision(3)}`)
    .join(', ');

function part(
  id: string,
  stage: string,
  title: string,
  curves: Curve[],
  steps: number,
  percent = false,
): Html | undefined {
  if (curves.length === 0) return undefined;
  const keys = curves.map((curve, i) => ({ name: curve.name, color: curveColor(curve, i), line: true }));
  return html`<h4>${title}</h4>
${legend(keys)}
${panel(id, `${title} of ${stage}: ${inWords(curves)}`, curves, steps, percent)}`;
}

/** Loss and validation accuracy of every stage, one column each. */
export function curvesChart({ curves }: ReportData): Html | undefined {
  const drawn = curves.flatMap(({ stage, metrics }, i): Html[] => {
    const { losses, accuracies } = stageCurves(metrics);
    const all = [...losses, ...accuracies];
    if (all.length === 0) return [];
    const steps = Math.max(...all.map(({ points }) => points.at(-1)![0]));
    return [
      html`<section class="stage"><h3>${stage}</h3>
${part(`curve-${i}-loss`, stage, 'Training loss', losses, steps)}
${part(`curve-${i}-val`, stage, 'Validation accuracy, %', accuracies, steps, true)}
</section>`,
    ];
  });
  return drawn.length === 0
    ? undefined
    : html`<div class="stages">${drawn}</div>
<p class="note">Over training steps; long curves are averaged over short stretches.</p>`;
}
