import { readFileSync, rmSync } from 'node:fs';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VlltrError } from '../../errors.js';
import { writing } from '../../files/atomic.js';
import { makeFolder } from '../../files/folder.js';
import { alive, beginning, place } from '../../runtime/processes.js';

/** Who runs in a folder or writes a file; it is gone when its process ends, and counts for nothing when that was killed. */
interface Holder {
  pid: number;
  place: string;
  beginning: string;
}

/** A file that says who works on something, and how to say that another does. */
interface Lock {
  /** What is worked on. */
  of: string;
  file: string;
  held: (pid: number) => string;
}

const runLock = (run: string): Lock => ({
  of: run,
  file: join(run, '.running'),
  held: (pid) => `${run} is in use: process ${pid} still runs there; let it end, stop it, or choose another --run`,
});

const outLock = (out: string): Lock => ({
  of: out,
  file: `${out}.running`,
  held: (pid) => `${out} is being written by process ${pid}; let it end, stop it, or choose another --out`,
});

/** What a lock says, if anything. */
function written(file: string): Partial<Holder> {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as Partial<Holder> | null) ?? {};
  } catch {
    return {};
  }
}

/** The living process, other than this one, that holds a lock. One of another machine cannot be seen from here. */
function holder(file: string): number | undefined {
  const found = written(file);
  const { pid } = found;
  if (typeof pid !== 'number' || pid === process.pid || found.place !== place()) return undefined;
  return alive(pid) && found.beginning === beginning(pid) ? pid : undefined;
}

function refuse({ file, held }: Lock): void {
  const pid = holder(file);
  if (pid !== undefined) throw new VlltrError('ERR_CHECKPOINT', held(pid));
}

/** Takes a lock for this process until it ends, or gives it back. @throws VlltrError as `refuse`, ERR_IO */
const hold = (lock: Lock): Promise<() => void> => writing(lock.of, () => take(lock));

async function take(lock: Lock): Promise<() => void> {
  await makeFolder(dirname(lock.file));
  const own: Holder = { pid: process.pid, place: place(), beginning: beginning(process.pid) };
  const isOwn = (): boolean => {
    const { pid, place } = written(lock.file);
    return pid === own.pid && place === own.place;
  };
  // Whole from its first moment on: another process would take an empty one for one that was left.
  const whole = `${lock.file}.${process.pid}`;
  await writeFile(whole, JSON.stringify(own));
  try {
    await link(whole, lock.file).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') refuse(lock);
      await rename(whole, lock.file); // over what a killed process left, or where there are no links
    });
  } finally {
    await rm(whole, { force: true });
  }
  // Of two that find the same one left, the later has it.
  if (!isOwn()) refuse(lock);
  const release = (): void => {
    if (isOwn()) rmSync(lock.file, { force: true });
  };
  process.once('exit', release);
  return () => {
    process.off('exit', release);
    release();
  };
}

/**
 * Refuses a folder in which another process runs: both would write its checkpoints and metrics.
 * @throws VlltrError ERR_CHECKPOINT naming the process
 */
export const refuseHeld = (run: string): void => refuse(runLock(run));

/** Takes a folder for this process until it ends. @throws VlltrError ERR_CHECKPOINT where another has it, ERR_IO */
export async function holdRun(run: string): Promise<void> {
  await hold(runLock(run));
}

/**
 * Takes a file that is written bit by bit for this process.
 * @returns gives it back
 * @throws VlltrError ERR_CHECKPOINT where another has it, ERR_IO where the file system refuses
 */
export const holdOut = (out: string): Promise<() => void> => hold(outLock(out));
