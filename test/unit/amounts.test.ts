import { expect, it } from 'vitest';
import { gigabytes, operations } from '../../lib/cli/amounts.js';

it('sizes are in GiB, small ones in MiB', () => {
  expect([0.1, 1.26, 24].map((size) => gigabytes(size * 2 ** 30))).toEqual(['0.1 GiB', '1.3 GiB', '24.0 GiB']);
  expect([0, 3.25, 102].map((size) => gigabytes(size * 2 ** 20))).toEqual(['0.0 MiB', '3.3 MiB', '102.0 MiB']);
});

it('operations are in the unit of which they are a tenth at least', () => {
  expect(operations(167e12, 'TFLOP')).toBe('167.00 TFLOP');
  expect(operations(0.1e12, 'TFLOP')).toBe('0.10 TFLOP');
  expect(operations(0.09e12, 'TFLOP')).toBe('90.00 GFLOP');
  expect(operations(4e6, 'TFLOP')).toBe('0.00 GFLOP');
  expect(operations(468e15, 'PFLOP')).toBe('468.00 PFLOP');
  expect(operations(2e12, 'PFLOP')).toBe('2.00 TFLOP');
  expect(operations(6e9, 'PFLOP')).toBe('6.00 GFLOP');
});
