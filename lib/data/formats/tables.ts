import { check } from '../../errors.js';
import { lineBatches } from './lines.js';
import type { Complain, ReadOptions, Split } from './listing.js';
import { Rows } from './rows.js';
import { separatedRecords } from './separated.js';

export type TableFormat = 'csv' | 'tsv' | 'jsonl';
type Column = 'path' | 'label' | 'split';

/** Usual names of the columns, small letters, the first that a table has is taken. */
const USUAL: Record<Column, string[]> = {
  path: ['path', 'file', 'filename', 'file_name', 'filepath', 'file_path', 'image', 'image_path', 'picture', 'img'],
  label: ['label', 'class', 'class_name', 'category', 'species', 'target', 'y'],
  split: ['split', 'set', 'subset', 'partition'],
};

const SPLIT_WORDS: Record<string, Split> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  dev: 'val',
  test: 'test',
  testing: 'test',
};

/** The split that a word means. */
export const splitNamed = (word: string): Split | undefined =>
  Object.hasOwn(SPLIT_WORDS, word.toLowerCase()) ? SPLIT_WORDS[word.toLowerCase()] : undefined;

/** The name of a column among those there are: the one asked for, or a usual one. */
function columnOf(column: Column, there: readonly string[], asked: ReadOptions['columns'], file: string) {
  const named = asked?.[column];
  if (named !== undefined) {
    check(there.includes(named), 'ERR_DATA', () => `${file} has no column "${named}"; it has ${there.join(', ')}`);
    return named;
  }
  return USUAL[column].flatMap((name) => there.filter((other) => other.toLowerCase() === name))[0];
}

/** Takes records of one table. */
class TableRows {
  readonly rows: Partial<Record<Split, Rows>> = {};
  constructor(
    private readonly file: string,
    private readonly complain: Complain,
    /** The split of the whole file, where its name says it; one that says nothing, in name or column, trains. */
    private readonly whole: Split | undefined,
  ) {}

  add(path: string, label: string, split: string | undefined, line: number): void {
    const into = split === undefined ? (this.whole ?? 'train') : splitNamed(split);
    if (!into || (this.whole && into !== this.whole)) {
      this.complain(
        `${this.file}:${line}: the split is "${split?.slice(0, 40)}"; expected ${this.whole ?? 'train, val or test'}`,
      );
      return;
    }
    this.rows[into] ??= new Rows(this.file, this.complain);
    this.rows[into].add(path, label, line);
  }
}

/** Columns of a table's head. @throws VlltrError ERR_DATA where one is missing */
function columnsOf(head: readonly string[], file: string, asked: ReadOptions['columns']) {
  const find = (column: Column) => columnOf(column, head, asked, file);
  const [path, label, split] = [find('path'), find('label'), find('split')];
  for (const [column, found] of [
    ['path', path],
    ['label', label],
  ] as const)
    check(found !== undefined, 'ERR_DATA', () => {
      const there = head.map((name) => JSON.stringify(name.slice(0, 40))).slice(0, 20);
      return `${file}:1 has no column of ${column}s among ${there.join(', ')}; expected ${USUAL[column].join(', ')}, or say which`;
    });
  return { path: path!, label: label!, split };
}

/** The sign between fields: a comma, or the semicolon of spreadsheets in countries whose numbers have commas. */
async function delimiterOf(file: string, format: TableFormat): Promise<string> {
  if (format === 'tsv') return '\t';
  for await (const { lines } of lineBatches(file)) {
    const head = lines.find((line) => line.trim() !== '') ?? '';
    return head.includes(';') && !head.includes(',') ? ';' : ',';
  }
  return ',';
}

async function readSeparated(
  file: string,
  format: TableFormat,
  asked: ReadOptions['columns'],
  rows: TableRows,
  complain: Complain,
): Promise<number> {
  let head: { width: number; path: number; label: number; split: number } | undefined;
  let records = 0;
  for await (const batch of separatedRecords(file, await delimiterOf(file, format))) {
    for (const { fields, line } of batch) {
      if (!head) {
        const { path, label, split } = columnsOf(fields, file, asked);
        const place = (name: string | undefined) => (name === undefined ? -1 : fields.indexOf(name));
        head = { width: fields.length, path: place(path), label: place(label), split: place(split) };
        continue;
      }
      records++;
      if (fields.length === head.width) rows.add(fields[head.path]!, fields[head.label]!, fields[head.split], line);
      else complain(`${file}:${line}: ${fields.length} fields, expected ${head.width} as in the head`);
    }
  }
  return records;
}

/** A value of a record as the text that it stands for. */
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.trim() : Number.isSafeInteger(value) ? String(value) : undefined;

async function readJsonLines(
  file: string,
  asked: ReadOptions['columns'],
  rows: TableRows,
  complain: Complain,
): Promise<number> {
  let columns: ReturnType<typeof columnsOf> | undefined;
  let records = 0;
  for await (const { lines, first } of lineBatches(file)) {
    for (let i = 0; i < lines.length; i++) {
      if (lines[i]!.trim() === '') continue;
      const at = first + i;
      let value: unknown;
      try {
        value = JSON.parse(lines[i]!);
      } catch (cause) {
        complain(`${file}:${at} is no JSON: ${(cause as Error).message}; expected one object a line`);
        continue;
      }
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        complain(`${file}:${at}: ${lines[i]!.slice(0, 40)}; expected an object like {"path": "a.jpg", "label": "cat"}`);
        continue;
      }
      const record = value as Record<string, unknown>;
      columns ??= columnsOf(Object.keys(record), file, asked);
      records++;
      const field = (name: string) => (Object.hasOwn(record, name) ? textOf(record[name]) : undefined);
      const [path, label] = [field(columns.path), field(columns.label)];
      const split = columns.split === undefined ? undefined : (field(columns.split) ?? '');
      if (path !== undefined && label !== undefined) rows.add(path, label, split, at);
      else {
        const name = path === undefined ? columns.path : columns.label;
        const is = Object.hasOwn(record, name) ? JSON.stringify(record[name])?.slice(0, 40) : 'absent';
        complain(`${file}:${at}: "${name}" is ${is}, expected a text${path === undefined ? '' : ' or a whole number'}`);
      }
    }
  }
  return records;
}

/**
 * Reads a table of pictures, CSV (RFC 4180; also with semicolons), TSV or JSON lines, with columns of paths, of labels
 * (a class's name, or its number) and, unless the file is one split, of splits.
 * @param whole the split of the file, where its name says it
 */
export async function readTable(
  file: string,
  format: TableFormat,
  whole: Split | undefined,
  options: ReadOptions,
  complain: Complain,
): Promise<Partial<Record<Split, Rows>>> {
  const rows = new TableRows(file, complain, whole);
  const read =
    format === 'jsonl'
      ? readJsonLines(file, options.columns, rows, complain)
      : readSeparated(file, format, options.columns, rows, complain);
  if ((await read) === 0) complain(`${file} lists no picture; expected a head, then a line for each`);
  return rows.rows;
}
