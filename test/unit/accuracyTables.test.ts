import { expect, it } from 'vitest';
import { accuracyTables } from '../../lib/cli/actions/tables.js';
import { accuracyByShot } from '../../lib/stages/accuracy.js';

const TRAIN = [120, 30, 4];
const bounds = { manyAbove: 100, fewUpTo: 20 };

/** Of predictions that are right for the first picture of each class alone. */
function tables(labels: number[]): string[] {
  const predicted = labels.map((label, i) => (labels.indexOf(label) === i ? label : (label + 1) % TRAIN.length));
  return accuracyTables([{ name: 'both', ...accuracyByShot(predicted, labels, TRAIN, bounds) }]).split('\n');
}

it('a balanced split has one table, which holds for both conventions', () => {
  const lines = tables([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  expect(lines.filter((line) => line.startsWith('both'))).toHaveLength(1);
  expect(lines[2]).toMatch(/^both +33\.3 +33\.3 +33\.3 +33\.3$/);
  expect(lines.at(-1)).toBe('mean over classes: the same');
});

it('another has a table for each', () => {
  const lines = tables([0, 0, 0, 0, 1, 2, 2]);
  const rows = lines.filter((line) => line.startsWith('both')).map((line) => line.split(/ +/).slice(1));
  expect(rows).toEqual([
    ['42.9', '25.0', '100.0', '50.0'],
    ['58.3', '25.0', '100.0', '50.0'],
  ]);
  expect(lines.some((line) => /^mean over classes +all +many +medium +few$/.test(line))).toBe(true);
});
