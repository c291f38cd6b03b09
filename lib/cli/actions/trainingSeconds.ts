import { readMetrics } from '../../training/metrics.js';

/** Seconds that a stage trained, over all its resumptions, as metrics.jsonl has it. */
export async function trainingSeconds(dir: string, stage: string): Promise<number> {
  const lines = await readMetrics(dir, stage);
  const seconds = lines.at(-1)?.seconds;
  return typeof seconds === 'number' ? seconds : 0;
}
