import { readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VlltrError } from '../../errors.js';
import { alive, beginning, place } from '../../runtime/processes.js';

/** Who runs in a folder; it is gone when its process ends, and counts for nothing when that was killed. */
interface Holder {
  pid: number;
  place: string;
  beginning: string;
}

const lockFile = (run: string): string => join(run, '.running');

/** The living process, other than this one, that runs in a folder. One of another machine cannot be seen from here. */
function holder(run: string): number | undefined {
  let found: Partial<Holder>;
  try {
    found = JSON.parse(readFileSync(lockFile(run), 'utf8')) as Partial<Holder>;
  } catch {
    return undefined;
  }
  const { pid } = found ?? {};
  if (typeof pid !== 'number' || pid === process.pid || found.place !== place()) return undefined;
  return alive(pid) && found.beginning === beginning(pid) ? pid : undefined;
}

/**
 * Refuses a folder in which another process runs: both would write its checkpoints and metrics.
 * @throws VlltrError ERR_CHECKPOINT naming the process
 */
export async function refuseHeld(run: string): Promise<void> {
  const pid = holder(run);
  if (pid === undefined) return;
  throw new VlltrError(
    'ERR_CHECKPOINT',
    `${run} is in use: process ${pid} still runs there; let it end, stop it, or choose another --run`,
  );
}

/** Takes a folder for this process until it ends. @throws VlltrError ERR_CHECKPOINT where another has it */
export async function holdRun(run: string): Promise<void> {
  await mkdir(run, { recursive: true });
  const own: Holder = { pid: process.pid, place: place(), beginning: beginning(process.pid) };
  const take = (flag: string) => writeFile(lockFile(run), JSON.stringify(own), { flag });
  await take('wx').catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    await refuseHeld(run);
    await take('w'); // what a killed process left
  });
  process.once('exit', () => rmSync(lockFile(run), { force: true }));
}
