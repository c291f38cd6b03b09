import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DECODINGS, type Decoding } from '../../lib/training/views.js';
import type { Size } from '../../lib/training/wholePicture.js';
import { type Command, Participant } from '../support/participant.js';
import { python } from '../support/python.js';
import { type Timing, timing } from '../support/statistics.js';
import { writePhotographs } from './pictures.js';
import type { Ran } from './protocol.js';

export const CONTENDERS = [...DECODINGS, 'pytorch'] as const;
export type Contender = (typeof CONTENDERS)[number];

/** What a contender made of the pictures with so many workers. */
export interface Figures {
  what: string;
  workers: number;
  /** Seconds for all pictures. */
  time: Timing;
  picturesPerSecond: number;
  /** Seconds of processor a picture, where the contender can tell. */
  processorPerPicture?: number;
}

export interface Result {
  size: Size;
  pictures: number;
  bytesEach: number;
  figures: Partial<Record<Contender, Figures[]>>;
  failures: Record<string, string>;
}

const commandOf = (contender: Contender): Command =>
  contender === 'pytorch' ? python('loader/pytorch/worker.py', { OMP_NUM_THREADS: '1' }) : node(contender);

const node = (decoding: Decoding): Command => ({
  command: process.execPath,
  args: [join(import.meta.dirname, 'worker.js'), decoding],
});

interface Running {
  contender: Contender;
  participant: Participant;
  what: string;
  ran: Ran[];
}

/** Measures all contenders at each number of workers: every one in a process of its own, taking turns. */
export async function measure(options: {
  pictures: number;
  size: Size;
  workers: number[];
  batch: number;
  /** Height and width of a view. */
  view: number;
  repeats: number;
  contenders: readonly Contender[];
}): Promise<Result> {
  const { pictures, size, batch, view, repeats } = options;
  const folder = await mkdtemp(join(tmpdir(), 'vlltr-bench-loader-'));
  const result: Result = { size, pictures, bytesEach: 0, figures: {}, failures: {} };
  try {
    result.bytesEach = Math.round((await writePhotographs(folder, pictures, size)) / pictures);
    for (const workers of options.workers) {
      const running: Running[] = [];
      try {
        for (const contender of options.contenders) {
          if (result.failures[contender]) continue;
          const participant = new Participant(contender, commandOf(contender));
          try {
            const { what } = await participant.hear<{ what: string }>(120);
            await participant.ask({ do: 'prepare', folder, pictures, workers, batch, size: view });
            // Workers start, pages and code get warm.
            await participant.ask<Ran>({ do: 'run', epoch: 0 });
            running.push({ contender, participant, what, ran: [] });
          } catch (error) {
            result.failures[contender] = (error as Error).message;
            await participant.close();
          }
        }
        for (let repeat = 1; repeat <= repeats; repeat++)
          for (const { participant, ran } of repeat % 2 ? running : [...running].reverse())
            ran.push(await participant.ask<Ran>({ do: 'run', epoch: repeat }));
        for (const { contender, what, ran } of running) {
          const time = timing(ran.map(({ seconds }) => seconds));
          const processor = ran.flatMap((r) => (r.processor === undefined ? [] : [r.processor / pictures]));
          const own = { what, workers, time, picturesPerSecond: pictures / time.median };
          const figures = processor.length ? { ...own, processorPerPicture: timing(processor).median } : own;
          result.figures[contender] = [...(result.figures[contender] ?? []), figures];
        }
      } finally {
        for (const { participant } of running) await participant.close();
      }
    }
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
