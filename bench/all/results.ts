import { readFile } from 'node:fs/promises';

export interface Machine {
  processor: string;
  isa: string;
  threads: number;
  /** Bytes. */
  memory: number;
}

/** A file of bench/results. */
export interface AllResults {
  machine: Machine;
  unit: string;
  /** What each benchmark printed, and the commands it came from. */
  benches: Record<string, object & { commands: string[] }>;
}

/** The results that a file holds of this machine, for the benchmarks that are not run now; none of another's. */
export async function resultsOf(path: string, machine: Machine): Promise<AllResults> {
  const none: AllResults = { machine, unit: 'seconds, medians of interleaved turns; bytes', benches: {} };
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none;
    throw error;
  }
  const kept = JSON.parse(text) as AllResults;
  return (['processor', 'isa', 'threads'] as const).every((key) => kept.machine?.[key] === machine[key])
    ? { ...none, benches: kept.benches }
    : none;
}

/** A file's name for a processor and the instruction set in use: `amd-epyc-9b45-avx512bf16`. */
export function slugOf(processor: string, isa: string): string {
  const words = processor
    .toLowerCase()
    // Neither trademarks, clock rates nor what every processor is called.
    .replace(/\((r|tm|c)\)|@.*$|\b\d+-core\b|\b(cpu|processor|with .*)\b/g, ' ')
    .match(/[a-z0-9]+/g);
  return [...(words ?? ['unknown']), isa].join('-');
}
