import { check, VlltrError } from '../../errors.js';
import { textChunks } from './lines.js';

/** A record longer than this has a quote that is never closed, or is of another kind of file. */
const LONGEST = 1 << 20;

/** A record, and the line, from 1, that it begins at. */
export interface SeparatedRecord {
  fields: string[];
  line: number;
}

/** Ends of the record that begins at `from`: its fields and the place behind its line end; undefined where text lacks. */
function quotedRecord(
  text: string,
  from: number,
  delimiter: string,
  whole: boolean,
  fail: (at: number, why: string) => never,
): { fields: string[]; end: number } | undefined {
  const fields: string[] = [];
  const skipSpaces = (at: number): number => {
    while (text[at] === ' ') at++;
    return at;
  };
  for (let at = from; ; at++) {
    let field: string;
    if (text[at] === ' ' && text[skipSpaces(at)] === '"') at = skipSpaces(at);
    if (text[at] === '"') {
      let close = text.indexOf('"', at + 1);
      while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
      // What follows a quote at the end of the text decides whether it closes.
      if (close < 0 || (close + 1 === text.length && !whole)) {
        if (whole) fail(at, 'a quote is never closed');
        return undefined;
      }
      field = text
        .slice(at + 1, close)
        .replaceAll('""', '"')
        .trim();
      at = skipSpaces(close + 1);
      if (at < text.length && !`${delimiter}\r\n`.includes(text[at]!))
        fail(
          at,
          `${JSON.stringify(text[at])} behind a closing quote; expected "${delimiter}" or a line end, and quotes within doubled`,
        );
    } else {
      const start = at;
      while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at++;
      field = text.slice(start, at).trim();
    }
    // A line end may go on in text that is yet to come.
    if (!whole && (at >= text.length || (text[at] === '\r' && at + 1 === text.length))) return undefined;
    fields.push(field);
    if (at >= text.length) return { fields, end: at };
    if (text[at] !== delimiter) return { fields, end: at + (text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1) };
  }
}

function lineEnds(text: string, from: number, to: number): number {
  let n = 0;
  for (let at = from; at < to; at++) {
    if (text[at] === '\n' || (text[at] === '\r' && text[at + 1] !== '\n')) n++;
  }
  return n;
}

/**
 * Records of comma-separated values (RFC 4180; any line ends, any delimiter but a space), some at a time. Fields are
 * trimmed; a quote counts at the beginning of a field only. Lines of empty fields are passed over.
 * @param size bytes read at a time
 * @throws VlltrError ERR_DATA naming file and line
 */
export async function* separatedRecords(
  file: string,
  delimiter: string,
  size?: number,
): AsyncGenerator<SeparatedRecord[]> {
  let rest = '';
  let line = 1;
  const keep = (records: SeparatedRecord[], fields: string[]): void => {
    if (fields.some((field) => field !== '')) records.push({ fields, line });
  };
  /** Records of `text` as far as it goes; what is left of it is kept. */
  const parse = (text: string, whole: boolean): SeparatedRecord[] => {
    const records: SeparatedRecord[] = [];
    let at = 0;
    const fail = (place: number, why: string): never => {
      throw new VlltrError('ERR_DATA', `${file}:${line + lineEnds(text, at, place)}: ${why}`);
    };
    while (at < text.length) {
      const end = text.indexOf('\n', at);
      const plain = end < 0 ? undefined : text.slice(at, end > at && text[end - 1] === '\r' ? end - 1 : end);
      // Nearly all lines: no quotes, no line ends but the usual ones.
      if (plain !== undefined && !plain.includes('"') && !plain.includes('\r')) {
        keep(
          records,
          plain.split(delimiter).map((field) => field.trim()),
        );
        at = end + 1;
        line++;
        continue;
      }
      const found = quotedRecord(text, at, delimiter, whole, fail);
      if (!found) break;
      keep(records, found.fields);
      line += lineEnds(text, at, found.end);
      at = found.end;
    }
    rest = text.slice(at);
    check(
      rest.length <= LONGEST,
      'ERR_DATA',
      () => `${file}:${line}: a record of over ${LONGEST} characters; is a quote never closed?`,
    );
    return records;
  };
  for await (const chunk of textChunks(file, size)) {
    const records = parse(rest + chunk, false);
    if (records.length > 0) yield records;
  }
  const records = parse(rest, true);
  if (records.length > 0) yield records;
}
