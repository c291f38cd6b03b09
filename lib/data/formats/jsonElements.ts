import { check, VlltrError } from '../../errors.js';
import { byteChunks } from './lines.js';

/** An element, or an own value, larger than this is no entry of a list of pictures. */
const LARGEST = 64 << 20;
/** Elements handed on at a time. */
const BATCH = 4096;

const [QUOTE, BACKSLASH, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COLON, COMMA, NEWLINE] = Buffer.from('"\\{}[]:,\n');
const isSpace = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9;

/** Some consecutive elements of a list that the top object holds under `key`. */
export interface Elements {
  key: string;
  /** Index of the first. */
  from: number;
  values: unknown[];
}

/**
 * Looks for the end of a value from `from` on, over as many buffers as it takes.
 * @returns the place behind it; -1 where the buffer ends first
 */
type Scanner = (buffer: Buffer, from: number) => number;

/** A number or a word: ends before a comma, a bracket or a space. */
const plainScanner: Scanner = (buffer, from) => {
  for (let at = from; at < buffer.length; at++) {
    const byte = buffer[at]!;
    if (byte === COMMA || byte === CLOSE || byte === CLOSE_LIST || byte === COLON || isSpace(byte)) return at;
  }
  return -1;
};

/** A text in quotes. */
function textScanner(): Scanner {
  let opened = false;
  let escaped = false;
  return (buffer, from) => {
    for (let at = from; at < buffer.length; at++) {
      const byte = buffer[at]!;
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) {
        if (opened) return at + 1;
        opened = true;
      }
    }
    return -1;
  };
}

/** A list or an object, with what is nested in it. */
function nestedScanner(): Scanner {
  let depth = 0;
  let inText = false;
  let escaped = false;
  return (buffer, from) => {
    for (let at = from; at < buffer.length; at++) {
      const byte = buffer[at]!;
      if (inText) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inText = false;
      } else if (byte === QUOTE) inText = true;
      else if (byte === OPEN || byte === OPEN_LIST) depth++;
      else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return at + 1;
    }
    return -1;
  };
}

function newlines(buffer: Buffer, from: number, to: number): number {
  const part = buffer.subarray(from, to);
  let n = 0;
  for (let at = part.indexOf(NEWLINE!); at >= 0; at = part.indexOf(NEWLINE!, at + 1)) n++;
  return n;
}

/** Bytes of a file with a place in them; what lies before the place is dropped. */
class Reader {
  private buffer: Buffer = Buffer.alloc(0);
  private at = 0;
  private line = 1;
  private done = false;
  private readonly chunks: AsyncGenerator<Buffer>;

  constructor(
    readonly file: string,
    size?: number,
  ) {
    this.chunks = byteChunks(file, size);
  }

  close(): Promise<unknown> {
    return this.chunks.return(undefined);
  }

  fail(expected: string): never {
    const found = this.at < this.buffer.length ? JSON.stringify(String.fromCharCode(this.buffer[this.at]!)) : 'its end';
    throw new VlltrError(
      'ERR_DATA',
      `${this.file}:${this.line} is no JSON as expected: found ${found}, expected ${expected}`,
    );
  }

  /** Appends bytes, keeping those from `keep` on. @returns false at the end of the file */
  private async more(keep: number): Promise<boolean> {
    if (this.done) return false;
    const { value, done } = await this.chunks.next();
    if (done) {
      this.done = true;
      return false;
    }
    this.buffer = keep < this.buffer.length ? Buffer.concat([this.buffer.subarray(keep), value]) : value;
    this.at -= keep;
    return true;
  }

  /** The next byte that is no space, not taken; -1 at the end. */
  async peek(): Promise<number> {
    for (;;) {
      while (this.at < this.buffer.length) {
        const byte = this.buffer[this.at]!;
        if (!isSpace(byte)) return byte;
        if (byte === NEWLINE) this.line++;
        this.at++;
      }
      if (!(await this.more(this.at))) return -1;
    }
  }

  async take(byte: number, expected: string): Promise<void> {
    if ((await this.peek()) !== byte) this.fail(expected);
    this.at++;
  }

  async skipMark(): Promise<void> {
    while (this.buffer.length < 3 && (await this.more(0)));
    if (this.buffer.length >= 3 && this.buffer.readUIntBE(0, 3) === 0xefbbbf) this.at = 3;
  }

  /** Passes one value, whatever is in it. @param keep whether its text is wanted, else '' */
  async value(keep: boolean): Promise<string> {
    const first = await this.peek();
    const held = first === OPEN || first === OPEN_LIST ? keep : true; // all but lists and objects are small
    let start = this.at;
    let size = 0;
    const scan =
      first === QUOTE ? textScanner() : first === OPEN || first === OPEN_LIST ? nestedScanner() : plainScanner;
    for (;;) {
      const from = this.at;
      const end = scan(this.buffer, from);
      this.at = end < 0 ? this.buffer.length : end;
      if (first === OPEN || first === OPEN_LIST) this.line += newlines(this.buffer, from, this.at);
      size += this.at - from;
      check(size <= LARGEST || !held, 'ERR_DATA', () => {
        return `${this.file}:${this.line}: a value of over ${LARGEST} bytes; expected the entry of a picture`;
      });
      if (end >= 0) break;
      if (await this.more(held ? start : this.at)) {
        if (held) start = 0;
      } else if (scan === plainScanner) break;
      else this.fail('more: the file is cut off');
    }
    if (size === 0) this.fail('a value');
    const text = held ? this.buffer.toString('utf8', start, this.at) : '';
    if (held && !keep) this.parse(text, 'a value');
    return keep ? text : '';
  }

  parse(text: string, what: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new VlltrError('ERR_DATA', `${this.file}:${this.line}: ${what} is no JSON: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
}

/**
 * Elements of the named lists in a JSON file whose top is an object, in the order of the file and a batch at a time:
 * lists of hundreds of megabytes, which no single text of V8 may hold, in the memory of a batch. Other values are passed
 * over, their brackets alone looked at.
 * @param size bytes read at a time
 * @throws VlltrError ERR_DATA naming file and line
 */
export async function* jsonElements(file: string, keys: readonly string[], size?: number): AsyncGenerator<Elements> {
  const reader = new Reader(file, size);
  try {
    await reader.skipMark();
    check((await reader.peek()) >= 0, 'ERR_DATA', () => `${file} is empty; expected JSON`);
    await reader.take(OPEN!, 'an object {"images": […], …}');
    const seen = new Set<string>();
    for (let first = true; ; first = false) {
      const next = await reader.peek();
      if (next === CLOSE) break;
      if (!first) await reader.take(COMMA!, 'a comma or the closing }');
      if ((await reader.peek()) !== QUOTE) reader.fail('a name in quotes');
      const key = String(reader.parse(await reader.value(true), 'a name'));
      await reader.take(COLON!, `a colon after "${key}"`);
      if (!keys.includes(key)) {
        await reader.value(false);
        continue;
      }
      check(!seen.has(key), 'ERR_DATA', () => `${file} has "${key}" twice; expected it once`);
      seen.add(key);
      if ((await reader.peek()) !== OPEN_LIST) reader.fail(`a list [ under "${key}"`);
      yield* listElements(reader, key);
    }
    await reader.take(CLOSE!, 'the closing }');
    if ((await reader.peek()) >= 0) reader.fail('the end of the file');
  } finally {
    await reader.close();
  }
}

async function* listElements(reader: Reader, key: string): AsyncGenerator<Elements> {
  await reader.take(OPEN_LIST!, 'a list');
  let from = 0;
  let values: unknown[] = [];
  // An empty list is told of, too: that it is there says something.
  if ((await reader.peek()) === CLOSE_LIST) yield { key, from, values };
  while ((await reader.peek()) !== CLOSE_LIST) {
    if (from + values.length > 0) await reader.take(COMMA!, `a comma or the closing ] of "${key}"`);
    const text = await reader.value(true);
    values.push(reader.parse(text, `${key}[${from + values.length}]`));
    if (values.length < BATCH) continue;
    yield { key, from, values };
    from += values.length;
    values = [];
  }
  if (values.length) yield { key, from, values };
  await reader.take(CLOSE_LIST!, `the closing ] of "${key}"`);
}
