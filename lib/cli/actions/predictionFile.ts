import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { appendFile, rm, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { check } from '../../errors.js';
import { PARTIAL_SUFFIX as PARTIAL, writeAtomic, writing } from '../../files/atomic.js';
import { expectFilePlace } from '../../files/expectPath.js';
import { suggestion } from '../../near.js';
import { holdOut } from './runLock.js';

/** How a file of predictions is begun, as the command line says it. */
export interface PredictionFileFlags {
  out: string;
  resume?: boolean;
  force?: boolean;
}

/**
 * JSON lines that grow in `<out>.partial`, below a line that says what they are of, and become `out` when they are
 * complete: a reader never sees half of them, and a process that was killed goes on where it was.
 */
export class PredictionFile {
  private constructor(
    private readonly out: string,
    private readonly partial: string,
    /** Records that are there already, a multiple of the chunk. */
    readonly done: number,
    /** How many of them say that their picture cannot be read. */
    readonly unreadable: number,
    private readonly release: () => void,
  ) {}

  /**
   * @param about what the predictions are of; a file of others is not gone on with
   * @param chunk records that are always written together
   * @throws VlltrError ERR_USAGE where it is a folder, ERR_CHECKPOINT naming the file that is there, or the process that writes it;
   *   ERR_IO where the file system refuses
   */
  static async open(flags: PredictionFileFlags, about: object, chunk: number): Promise<PredictionFile> {
    expectPredictions(flags);
    const release = await holdOut(flags.out);
    try {
      return await PredictionFile.begin(flags, about, chunk, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  private static async begin(
    flags: PredictionFileFlags,
    about: object,
    chunk: number,
    release: () => void,
  ): Promise<PredictionFile> {
    // Another process may have ended meanwhile.
    expectPredictions(flags);
    const { out, resume, force } = flags;
    const partial = `${out}${PARTIAL}`;
    const head = JSON.stringify(about);
    const begun = existsSync(partial);
    if (begun) {
      check(force || resume, 'ERR_CHECKPOINT', () => {
        return `${partial} holds unfinished predictions; add --resume to go on, or --force to begin anew`;
      });
      if (resume) {
        const found = await scan(partial, chunk);
        check(found.head === head, 'ERR_CHECKPOINT', () => {
          return `${partial} holds predictions of another model, data or command: ${found.head}; expected ${head}`;
        });
        await writing(out, () => truncate(partial, found.bytes));
        return new PredictionFile(out, partial, found.done, found.unreadable, release);
      }
    }
    await writing(out, () => writeFile(partial, `${head}\n`));
    return new PredictionFile(out, partial, 0, 0, release);
  }

  /** @throws VlltrError ERR_IO where the file system refuses */
  async add(records: readonly object[]): Promise<void> {
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join('');
    await writing(this.out, () => appendFile(this.partial, text));
  }

  /** Makes `out` of all records. */
  async finish(): Promise<void> {
    await writeAtomic(this.out, async (file) => {
      let headEnds = false;
      for await (const part of createReadStream(this.partial) as AsyncIterable<Buffer>) {
        const from: number = headEnds ? 0 : part.indexOf(NEWLINE) + 1;
        headEnds ||= from > 0;
        if (headEnds) await file.writeFile(part.subarray(from));
      }
    });
    await rm(this.partial);
    this.release();
  }
}

/**
 * Refuses a place where these predictions cannot be written.
 * @throws VlltrError ERR_USAGE as `expectFilePlace`; ERR_CHECKPOINT where others are there, or none to go on with
 */
export function expectPredictions({ out, resume, force }: PredictionFileFlags): void {
  expectFilePlace(out, '--out', 'the predictions');
  const begun = existsSync(`${out}${PARTIAL}`);
  check(!resume || begun || existsSync(out), 'ERR_CHECKPOINT', () => {
    const others = unfinishedIn(dirname(out));
    const near = others.length > 0 ? `; beside it, ${suggestion(basename(out), others)}` : '';
    return `${out} has no unfinished predictions to go on with${near} (new ones begin without --resume)`;
  });
  check(force || (resume && begun) || !existsSync(out), 'ERR_CHECKPOINT', () => {
    return `${out} exists already; add --force to replace it`;
  });
}

/** Names of the files in a folder whose predictions are unfinished. */
const unfinishedIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder).flatMap((name) => (name.endsWith(PARTIAL) ? [name.slice(0, -PARTIAL.length)] : []))
    : [];

const NEWLINE = 0x0a;

/**
 * Lines by their newlines alone, the one that has none left out. `readline` parts at U+2028, too, which JSON holds as it is,
 * and gives what was cut off as one more line.
 */
async function* lines(path: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = part.indexOf(NEWLINE); end >= 0; end = part.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...rest, part.subarray(from, end)]);
      rest = [];
      from = end + 1;
    }
    rest.push(part.subarray(from));
  }
}

interface Found {
  head: string;
  done: number;
  unreadable: number;
  bytes: number;
}

/** The first line, how many records follow it in whole chunks, those of unreadable pictures, and where they end. */
async function scan(path: string, chunk: number): Promise<Found> {
  let head: string | undefined;
  let [records, errors, bytes] = [0, 0, 0];
  const found = { done: 0, unreadable: 0, bytes: 0 };
  for await (const line of lines(path)) {
    bytes += line.length + 1;
    if (head === undefined) {
      head = line.toString();
      found.bytes = bytes;
      continue;
    }
    const record = recordIn(line.toString());
    if (!record) break; // a crash of the machine may leave holes
    records++;
    if ('error' in record) errors++;
    if (records % chunk === 0) Object.assign(found, { done: records, unreadable: errors, bytes });
  }
  return { head: head ?? '', ...found };
}

/** The record of a whole line. */
function recordIn(line: string): object | undefined {
  try {
    return JSON.parse(line) as object;
  } catch {
    return undefined;
  }
}
