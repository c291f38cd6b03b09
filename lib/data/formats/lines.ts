import { open } from 'node:fs/promises';
import { check, VlltrError } from '../../errors.js';

const CHUNK = 1 << 20;
/** A line longer than this belongs to a file of another kind. */
const LONGEST = 1 << 20;

const cannot = (file: string, cause: unknown): VlltrError =>
  new VlltrError('ERR_DATA', `${file} cannot be read: ${(cause as Error).message}`, { cause });

/** Bytes of a file, `size` at a time. @throws VlltrError ERR_DATA naming the file */
export async function* byteChunks(file: string, size = CHUNK): AsyncGenerator<Buffer> {
  const handle = await open(file, 'r').catch((cause) => {
    throw cannot(file, cause);
  });
  try {
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(size), 0, size).catch((cause) => {
        throw cannot(file, cause);
      });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Text of a file, a chunk at a time, without byte order mark. @throws VlltrError ERR_DATA where it is no UTF-8 */
export async function* textChunks(file: string, size = CHUNK): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  const decode = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      throw new VlltrError('ERR_DATA', `${file} is no UTF-8 text, at line ${line} or below; save it as UTF-8`, {
        cause,
      });
    }
  };
  for await (const bytes of byteChunks(file, size)) {
    const text = decode(bytes);
    yield text;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++;
  }
  const rest = decode();
  if (rest) yield rest;
}

/**
 * Lines of a text file, some at a time, whatever ends them.
 * @param size bytes read at a time
 * @returns batches: the lines and the number, from 1, of the first
 */
export async function* lineBatches(file: string, size = CHUNK): AsyncGenerator<{ lines: string[]; first: number }> {
  let first = 1;
  let rest = '';
  for await (const chunk of textChunks(file, size)) {
    let text = rest + chunk;
    // A line end may go on in the next chunk.
    const held = text.endsWith('\r') ? '\r' : '';
    if (held) text = text.slice(0, -1);
    const lines = text.split(/\r\n|\n|\r/);
    rest = lines.pop()! + held;
    const long = [...lines, rest].findIndex((line) => line.length > LONGEST);
    check(long < 0, 'ERR_DATA', () => `${file}:${first + long}: a line of over ${LONGEST} characters; expected a text`);
    if (lines.length > 0) yield { lines, first };
    first += lines.length;
  }
  if (rest) yield { lines: rest.endsWith('\r') ? [rest.slice(0, -1)] : [rest], first };
}
