import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { check, type ErrorCode, VlltrError } from '../../errors.js';
import { packageFolder } from '../../runtime/paths.js';
import { pictureName } from '../decode.js';
import type { ViewJob } from './photoView.js';

export interface WorkerRequest {
  id: number;
  job: ViewJob;
  /** Where the view goes. */
  out: Float32Array<SharedArrayBuffer>;
}

export interface WorkerAnswer {
  id: number;
  error?: { message: string; code?: ErrorCode; stack?: string };
}

/** Pictures a worker is given at a time: the next is there when one is done, and sharp decodes beside the worker's thread. */
const IN_FLIGHT = 2;

/** As many as there are cores, within reason. */
export const defaultWorkers = (): number => Math.max(1, Math.min(16, availableParallelism()));

interface Task {
  job: ViewJob;
  out: Float32Array;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Room for one view at a time, written by a worker and copied from: made once, since nobody collects shared memory in time
 * that is made for each batch (V8 does not count it, and every thread that saw it holds it).
 */
type Slot = Float32Array<SharedArrayBuffer>;

interface Member {
  worker: Worker;
  running: Map<number, { task: Task; slot: Slot }>;
  free: Slot[];
}

const slotOf = (length: number): Slot =>
  new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));

/**
 * Worker threads that make views, first come first served. They start with the first job and keep a process alive only while
 * there is work; `dispose` ends them. A worker that dies fails all that was asked for (ERR_INTERNAL, naming the pictures).
 */
export class ViewPool {
  private readonly members: Member[] = [];
  private readonly waiting: Task[] = [];
  private failure: Error | undefined;
  private next = 0;

  /** @param size workers; @param entry their code, as a file */
  constructor(
    readonly size: number = defaultWorkers(),
    private readonly entry = join(packageFolder(), 'dist/lib/data/loader/worker.js'),
  ) {
    check(
      Number.isSafeInteger(size) && size >= 1,
      'ERR_ARGUMENT',
      () => `workers is ${size}; expected a whole number ≥ 1`,
    );
  }

  /** As `photoView`; `out` is filled when the promise is kept. */
  run(job: ViewJob, out: Float32Array): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.waiting.push({ job, out, resolve, reject });
      this.assign();
    });
  }

  /** Ends the workers; what is not done yet fails. */
  async dispose(): Promise<void> {
    this.fail(new VlltrError('ERR_ARGUMENT', 'the loader of pictures was disposed; open the data anew'));
    await Promise.all(this.members.splice(0).map(({ worker }) => worker.terminate()));
  }

  private assign(): void {
    while (this.waiting.length > 0) {
      let free = this.members.reduce<Member | undefined>(
        (best, m) => (!best || m.running.size < best.running.size ? m : best),
        undefined,
      );
      // A worker takes a while to start: only those that there is work for.
      if ((!free || free.running.size > 0) && this.members.length < this.size) free = this.start();
      if (!free || free.running.size >= IN_FLIGHT) return;
      const task = this.waiting.shift()!;
      const id = this.next++;
      if (free.running.size === 0) free.worker.ref();
      const { job, out } = task;
      const kept = free.free.pop();
      const slot = kept && kept.length >= out.length ? kept : slotOf(out.length);
      free.running.set(id, { task, slot });
      free.worker.postMessage({ id, job, out: slot.subarray(0, out.length) } satisfies WorkerRequest);
    }
  }

  private start(): Member {
    // Not the process's own flags: with --input-type (`node -e`), say, no file can be a worker.
    const worker = new Worker(this.entry, { execArgv: [] });
    const member: Member = { worker, running: new Map(), free: [] };
    worker.unref();
    worker.on('message', (answer: WorkerAnswer) => this.answered(member, answer));
    const died = (why: string, cause?: Error): void => {
      const pictures = [...member.running.values()].map(({ task }) => pictureName(task.job.input));
      const over = pictures.length > 0 ? ` over ${pictures.join(', ')}` : '';
      this.fail(new VlltrError('ERR_INTERNAL', `a worker that decodes pictures ended${over}: ${why}`, { cause }));
    };
    worker.on('error', (error: Error) => died(error.message, error));
    worker.on('exit', (code) => died(`exit code ${code}`));
    this.members.push(member);
    return member;
  }

  private answered(member: Member, { id, error }: WorkerAnswer): void {
    const found = member.running.get(id);
    if (!found) return;
    const { task, slot } = found;
    member.running.delete(id);
    if (!error) task.out.set(slot.subarray(0, task.out.length));
    member.free.push(slot);
    this.assign();
    if (member.running.size === 0) member.worker.unref();
    if (!error) task.resolve();
    else if (error.code) task.reject(new VlltrError(error.code, error.message));
    else task.reject(new VlltrError('ERR_INTERNAL', `picture ${pictureName(task.job.input)}: ${error.stack ?? '?'}`));
  }

  /** Fails all that is under way, and what is asked for from now on. The first cause stays. */
  private fail(error: Error): void {
    this.failure ??= error;
    const tasks = [
      ...this.waiting.splice(0),
      ...this.members.flatMap(({ running }) => [...running.values()].map(({ task }) => task)),
    ];
    for (const { running, worker } of this.members) {
      running.clear();
      worker.unref();
    }
    for (const { reject } of tasks) reject(this.failure);
  }
}
