import { readFileSync, writeFileSync } from 'node:fs';

/** Memory of a process, in bytes. */
export interface Memory {
  /** Resident before the work. */
  before: number;
  /** The most that was resident during it. */
  peak: number;
}

/** Begins to watch the resident memory of this process; undefined where the system does not let it. */
export function watchMemory(): (() => Memory) | undefined {
  try {
    writeFileSync('/proc/self/clear_refs', '5'); // sets the peak back to what is resident now
    const before = resident('VmRSS');
    return () => ({ before, peak: resident('VmHWM') });
  } catch {
    return undefined;
  }
}

function resident(field: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  if (!line) throw new Error(`/proc/self/status has no ${field}`);
  return Number(line[1]) * 1024;
}
