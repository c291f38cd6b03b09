import { expect, it } from 'vitest';
import { renderReport } from '../../lib/report/index.js';
import { sampleReport } from './reportSample.js';

/** The words of a page of few parts: no style sheet, no names of rows. */
const words = (page: string): string => page.replace(/<style>[\s\S]*?<\/style>/, '').replace(/vl-ltr[\w-]*/g, '');

const { examples, ...sample } = sampleReport(40);
const data = { ...sample, title: 'A report', facts: [], curves: [], config: undefined };

it('says of which method and split it is, where that is not VL-LTR on test', async () => {
  const plain = examples.map((example) => ({ ...example, sentences: [] }));
  const page = words(await renderReport({ ...data, examples: plain, method: 'Vision only', split: 'val' }));
  expect(page).not.toMatch(/VL-LTR|[Tt]est (accuracy|picture)|branches|>Visual<|sentences/);
  expect(page).toMatch(/Vision only <span class="(up|down)">/);
  expect(page).toContain('Vision only, %');
  expect(page).toContain('Over all validation pictures');
  expect(page).toContain('alt="Validation picture of');
});

it('says by default that it is VL-LTR on test', async () => {
  const page = words(await renderReport({ ...data, examples }));
  expect(page).toMatch(/VL-LTR <span class="(up|down)">/);
  expect(page).toContain('VL-LTR, %');
  expect(page).toContain('of both branches mixed');
  expect(page).toContain('Over all test pictures');
  expect(page).toContain('alt="Test picture of');
});
