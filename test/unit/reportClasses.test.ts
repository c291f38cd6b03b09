import { expect, it } from 'vitest';
import { classesChart, meanWindow, movingAverage } from '../../lib/report/classesChart.js';
import { sampleReport } from './reportSample.js';

it('averages neighbouring classes, equal counts in one point', () => {
  const classes = [1, 10, 10, 100].map((trainCount, i) => ({
    name: `${i}`,
    trainCount,
    accuracy: i * 10,
    baseline: null,
  }));
  expect(movingAverage(classes, 'accuracy', 2)).toEqual([
    [0, 5],
    [1, 15],
    [2, 25],
  ]);
  expect(movingAverage(classes, 'accuracy', 99)).toEqual([
    [0, 15],
    [1, 15],
    [2, 15],
  ]);
  expect(movingAverage(classes, 'baseline', 2)).toEqual([]);
});

it('averages a tenth of the classes, an odd number, and draws no line of few', () => {
  expect([2, 6, 19, 20, 40, 300, 8142].map(meanWindow)).toEqual([1, 1, 1, 3, 5, 31, 815]);
  const [many, few] = [40, 6].map((count) => classesChart(sampleReport(count))!.text);
  expect(many).toMatch(/Moving average: .*The lines are means over 5 neighbouring classes/s);
  expect(few).not.toMatch(/Moving average|The lines are|NaN|undefined/);
  expect(few).toContain('Dotted verticals');
  const strokes = (text = '') => text.match(/stroke-width="2\.5"/g)?.length ?? 0;
  expect([many, few].map(strokes)).toEqual([4, 0]); // two lines, drawn wide and narrow
});

it('draws dots at 100 % whole', () => {
  const sample = sampleReport(6);
  const classes = sample.classes.map((c) => ({ ...c, accuracy: 100 }));
  expect(classesChart({ ...sample, classes })!.text).not.toContain('clip-path');
});
