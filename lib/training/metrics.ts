import { appendFile, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VlltrError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import { makeFolder } from '../files/folder.js';
import { isMissing } from '../files/missing.js';

/** A line of metrics.jsonl: values of one stage after `step` updates. */
export interface MetricsLine {
  stage: string;
  /** Updates done, 1-based. */
  step: number;
  [name: string]: string | number | null;
}

/** Where a run keeps its metrics. */
export const metricsPath = (runDir: string): string => join(runDir, 'metrics.jsonl');

async function readLines(path: string): Promise<MetricsLine[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return [];
    // Taken for empty, it would be written anew without its lines.
    throw new VlltrError('ERR_CHECKPOINT', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return text.split('\n').flatMap((line) => {
    try {
      // A process killed while it wrote leaves half a line; it is dropped.
      const value = JSON.parse(line) as MetricsLine;
      return value && typeof value.step === 'number' ? [value] : [];
    } catch {
      return [];
    }
  });
}

/** All whole lines of a run's metrics, of one stage if named. None where the file is missing. */
export async function readMetrics(runDir: string, stage?: string): Promise<MetricsLine[]> {
  const lines = await readLines(metricsPath(runDir));
  return stage === undefined ? lines : lines.filter((line) => line.stage === stage);
}

/** Drops a stage's lines after `step`, and half lines, so that a resumed run writes each line once. */
export async function truncateMetrics(runDir: string, stage: string, step: number): Promise<void> {
  const path = metricsPath(runDir);
  const kept = (await readLines(path)).filter((line) => line.stage !== stage || line.step <= step);
  await writeFileAtomic(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Appends one line. */
export async function appendMetrics(runDir: string, line: MetricsLine): Promise<void> {
  const path = metricsPath(runDir);
  await makeFolder(dirname(path));
  await appendFile(path, `${JSON.stringify(line)}\n`);
}
