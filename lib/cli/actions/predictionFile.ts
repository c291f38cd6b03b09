import { createReadStream, existsSync } from 'node:fs';
import { appendFile, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { check } from '../../errors.js';
import { writeAtomic } from '../../files/atomic.js';
import { say } from '../terminal.js';

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
  ) {}

  /**
   * @param about what the predictions are of; a file of others is not gone on with
   * @param chunk records that are always written together
   * @throws VlltrError ERR_CHECKPOINT naming the file that is there
   */
  static async open(flags: PredictionFileFlags, about: object, chunk: number): Promise<PredictionFile> {
    const { out, resume, force } = flags;
    const partial = `${out}.partial`;
    const head = JSON.stringify(about);
    const begun = existsSync(partial);
    check(force || (resume && begun) || !existsSync(out), 'ERR_CHECKPOINT', () => {
      return `${out} exists already; add --force to replace it`;
    });
    if (begun) {
      check(force || resume, 'ERR_CHECKPOINT', () => {
        return `${partial} holds unfinished predictions; add --resume to go on, or --force to begin anew`;
      });
      if (resume) {
        const found = await scan(partial, chunk);
        check(found.head === head, 'ERR_CHECKPOINT', () => {
          return `${partial} holds predictions of another model, data or command: ${found.head}; expected ${head}`;
        });
        await truncate(partial, found.bytes);
        return new PredictionFile(out, partial, found.done);
      }
    } else if (resume) say(`${partial} is not there: nothing to resume`);
    await mkdir(dirname(partial), { recursive: true });
    await writeFile(partial, `${head}\n`);
    return new PredictionFile(out, partial, 0);
  }

  async add(records: readonly object[]): Promise<void> {
    await appendFile(this.partial, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  }

  /** Makes `out` of all records. */
  async finish(): Promise<void> {
    await writeAtomic(this.out, async (file) => {
      let first = true;
      for await (const line of lines(this.partial)) {
        if (!first) await file.write(`${line}\n`);
        first = false;
      }
    });
    await rm(this.partial);
  }
}

const lines = (path: string) => createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });

/** The first line, how many whole chunks of records follow it, and where they end. */
async function scan(path: string, chunk: number): Promise<{ head: string; done: number; bytes: number }> {
  let head: string | undefined;
  let [records, bytes, kept, done] = [0, 0, 0, 0];
  for await (const line of lines(path)) {
    bytes += Buffer.byteLength(line) + 1;
    if (head === undefined) {
      head = line;
      kept = bytes;
      continue;
    }
    if (!isWhole(line)) break; // cut off as the process was killed
    records++;
    if (records % chunk === 0) [kept, done] = [bytes, records];
  }
  return { head: head ?? '', done, bytes: kept };
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
