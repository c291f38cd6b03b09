/** A file of bench/results. */
export interface AllResults {
  machine: { processor: string; isa: string; threads: number; memory: number; node: string };
  commands: string[];
  unit: string;
  /** What each benchmark printed. */
  benches: Record<string, unknown>;
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
