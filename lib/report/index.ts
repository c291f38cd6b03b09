import { writeFileAtomic } from '../files/atomic.js';
import { renderReport } from './page.js';
import type { ReportData } from './types.js';

export { renderReport } from './page.js';
export type * from './types.js';

/**
 * Writes a report as one self-contained HTML file: it opens from disk, needs neither network nor script, and holds its
 * pictures and charts itself. The file appears whole or not at all.
 * @throws VlltrError ERR_ARGUMENT where an example's pixels do not fit its size
 */
export async function writeReport(path: string, data: ReportData): Promise<void> {
  await writeFileAtomic(path, await renderReport(data));
}
