import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

/** Notes that a file of a cache was used now. */
export function markUsed(file: string): void {
  const now = new Date();
  utimesSync(file, now, now);
}

/** Leaves of a cache's folder the files used last. Another process may do the same: what it has removed is gone. */
export function keepUsedLast(folder: string, kept: number): void {
  const used = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const found = readdirSync(folder).map((name) => ({ name, used: used(name) }));
  for (const { name } of found.sort((a, b) => b.used - a.used).slice(kept)) rmSync(join(folder, name), { force: true });
}
