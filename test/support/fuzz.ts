import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readClassNames } from '../../lib/data/formats/classNames.js';
import { readListing } from '../../lib/data/formats/index.js';
import { jsonElements } from '../../lib/data/formats/jsonElements.js';
import { lineBatches } from '../../lib/data/formats/lines.js';
import { Complaints, type Format, type Listing, refuse } from '../../lib/data/formats/listing.js';
import { separatedRecords } from '../../lib/data/formats/separated.js';
import { tarMembers } from '../../lib/data/formats/tar.js';
import { articleSentences } from '../../lib/data/sentences.js';
import { VlltrError } from '../../lib/errors.js';
import { type Dice, damaged } from './damage.js';
import { tar } from './layouts.js';

/** Refuses anything but an error of the package's own with a file's name in it. */
async function ownErrors<T>(file: string, job: () => Promise<T>): Promise<T | undefined> {
  try {
    return await job();
  } catch (error) {
    if (error instanceof VlltrError && error.code === 'ERR_DATA' && error.message.includes(file)) return undefined;
    throw error;
  }
}

function checkListing({ classes, splits }: Listing): void {
  for (const { ids, labels } of Object.values(splits)) {
    if (ids.length !== labels.length) throw new Error(`${ids.length} pictures, ${labels.length} labels`);
    if (labels.some((c) => c < 0 || c >= classes.length)) throw new Error('a label of no class');
    for (const id of ids) if (id.startsWith('/') || id.split('/').includes('..')) throw new Error(`${id} escapes`);
  }
  if (new Set(classes.map((c) => c.key)).size !== classes.length) throw new Error('a key twice');
}

/** Reads damaged files of a layout: strictly, and collecting; the two agree on whether there is anything wrong. */
async function listing(
  dir: string,
  name: string,
  format: Format,
  valid: Uint8Array,
  dice: Dice,
  beside?: string,
): Promise<void> {
  const file = join(dir, name);
  writeFileSync(file, damaged(valid, dice));
  if (beside !== undefined) writeFileSync(join(dir, 'labels.txt'), beside);
  const complaints = new Complaints();
  const strict = await ownErrors(dir, () => readListing(file, { format }, refuse));
  const lenient = await ownErrors(dir, () => readListing(file, { format }, complaints.add));
  if (strict) checkListing(strict);
  if (lenient) checkListing(lenient);
  if ((strict !== undefined) !== (lenient !== undefined && complaints.count === 0))
    throw new Error(`${file}: strict reading ${strict ? 'passes' : 'fails'}, collecting finds ${complaints.count}`);
}

const same = (found: unknown, expected: unknown, what: string): void => {
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
};

const bytes = (text: string): Uint8Array => Buffer.from(text);
const LIST = bytes('a/b.jpg 0\nc d.jpg 1\ne.jpg\t2\n\nf.jpg 1\r\n');
const CSV = bytes('path,label,split\r\n"a, b.jpg",cat,train\n"c""d.jpg", "dog",val\ne.jpg,cat,test\n');
const JSONL = bytes(
  '{"path": "a.jpg", "label": "cat", "split": "train"}\n{"path": "b.jpg", "label": 3, "split": "val"}\n',
);
const COCO = bytes(
  JSON.stringify({
    info: { a: [1, '}'] },
    images: [0, 1, 2].map((id) => ({ id, file_name: `a/${id}.jpg` })),
    annotations: [0, 1, 2].map((id) => ({ id, image_id: id, category_id: id % 2 })),
    categories: [0, 1].map((id) => ({ id, name: `n"${id}` })),
  }),
);
const TAR = tar([
  { name: 'a/1.jpg', data: bytes('x'.repeat(600)) },
  { name: 'a/1.cls', data: bytes('0') },
  { name: 'b.png', data: bytes('y') },
  { name: 'b.json', data: bytes('{"label": "1"}') },
  { name: 'x', data: bytes('19 path=long/c.jpg\n'), type: 'x' },
  { name: 'c.jpg', data: bytes('z') },
  { name: 'long/c.cls', data: bytes('1') },
]);
const WORDNET = 'n01440764 1 tench\nn01443537 2 gold_fish\nn01484850 3 shark\n';

/** JSON text of a random value. */
function randomJson(dice: Dice, depth = 0): unknown {
  switch (dice.int(depth > 3 ? 5 : 7)) {
    case 0:
      return dice.int(1000) / 8;
    case 1:
      return dice.of([true, false, null]);
    case 2:
    case 3:
    case 4:
      return dice.text(['a', '"', '\\', '{', ']', 'é', '\n', '😀', ' '], 9);
    case 5:
      return Array.from({ length: dice.int(5) }, () => randomJson(dice, depth + 1));
    default:
      return Object.fromEntries(Array.from({ length: dice.int(4) }, (_, i) => [`k${i}"`, randomJson(dice, depth + 1)]));
  }
}

/** Each takes one random case in a folder of its own; throws where something is wrong. */
export const targets: Record<string, (dir: string, dice: Dice) => Promise<void>> = {
  list: (dir, dice) => listing(dir, 'train.txt', 'list', LIST, dice, dice.int(2) ? 'x\ny\nz\n' : '0\n1\n2\n'),
  csv: (dir, dice) => listing(dir, 'data.csv', 'csv', CSV, dice),
  jsonl: (dir, dice) => listing(dir, 'data.jsonl', 'jsonl', JSONL, dice),
  coco: (dir, dice) => listing(dir, 'train.json', 'coco', COCO, dice),
  webdataset: (dir, dice) => listing(dir, 'train.tar', 'webdataset', TAR, dice),

  'class names': async (dir, dice) => {
    const json = dice.int(2) === 0;
    const file = join(dir, json ? 'categories.json' : 'labels.txt');
    const valid = json
      ? '[{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]'
      : dice.of([WORDNET, '/a/x/y 1\nb 0\n', 'a\nb\n']);
    writeFileSync(file, damaged(bytes(valid), dice));
    const names = await ownErrors(file, () => readClassNames(file, refuse));
    for (const list of [names?.classes.map((c) => c.key), names?.classes.map((c) => c.name)])
      if (list && new Set(list).size !== list.length && !list.some((name) => /\(.*\)/.test(name)))
        throw new Error(`${JSON.stringify(list)}: a name twice`);
  },

  'lines, against split': async (dir, dice) => {
    const file = join(dir, 'lines.txt');
    const text = dice.text(['a', 'é', '\n', '\r', '\r\n', '😀', 'bc', ''], 40);
    writeFileSync(file, text);
    const found: string[] = [];
    let next = 1;
    for await (const { lines, first } of lineBatches(file, 1 + dice.int(9))) {
      same(first, next, 'first line');
      next += lines.length;
      found.push(...lines);
    }
    const expected = text.split(/\r\n|\n|\r/);
    if (expected.at(-1) === '') expected.pop();
    same(found, expected, JSON.stringify(text));
  },

  'separated values, written and read': async (dir, dice) => {
    const file = join(dir, 'x.csv');
    const delimiter = dice.of([',', ';', '\t']);
    const width = 1 + dice.int(4);
    const records = Array.from({ length: dice.int(6) }, () =>
      Array.from({ length: width }, () =>
        dice.text(['a', 'é', '"', ',', ';', '\t', '\n', '\r\n', 'b c', '😀'], 6).trim(),
      ),
    ).filter((record) => record.some((field) => field !== ''));
    const end = dice.of(['\n', '\r\n', '\r']);
    const line = (record: string[]) =>
      record
        .map((field) => (/[",;\t\r\n]/.test(field) || dice.int(3) === 0 ? `"${field.replaceAll('"', '""')}"` : field))
        .join(delimiter);
    const text = records.map(line).join(end) + (dice.int(2) ? end : '');
    writeFileSync(file, text);
    const found = [];
    for await (const batch of separatedRecords(file, delimiter, 1 + dice.int(9))) found.push(...batch);
    same(
      found.map((r) => r.fields),
      records,
      JSON.stringify(text),
    );
    // Where no field holds a line end, records begin a line each.
    if (!records.flat().some((field) => /[\r\n]/.test(field)))
      same(
        found.map((r) => r.line),
        records.map((_, i) => i + 1),
        text,
      );
  },

  'JSON elements, against JSON.parse': async (dir, dice) => {
    const file = join(dir, 'x.json');
    const list = () => Array.from({ length: dice.int(5) }, () => randomJson(dice));
    const value: Record<string, unknown> = { a: list(), x: randomJson(dice), b: list() };
    writeFileSync(
      file,
      `${dice.of(['', '\ufeff'])}${JSON.stringify(value, null, dice.of([0, 1, '\t', '\r\n']) as number)}${dice.of(['', '\n'])}`,
    );
    const found: Record<string, unknown[]> = { a: [], b: [] };
    for await (const { key, from, values } of jsonElements(file, ['a', 'b'], 1 + dice.int(20))) {
      same(from, found[key]!.length, 'from');
      found[key]!.push(...values);
    }
    same(found, { a: value.a, b: value.b }, 'elements');
  },

  'JSON elements, damaged': async (dir, dice) => {
    const file = join(dir, 'x.json');
    const text = damaged(COCO, dice);
    writeFileSync(file, text);
    let whole: Record<string, unknown> | undefined;
    try {
      whole = JSON.parse(new TextDecoder().decode(text));
    } catch {
      // then the elements alone may still be well formed: values that are passed over are not looked into
    }
    const found: Record<string, unknown[]> = {};
    const read = async () => {
      for await (const { key, values } of jsonElements(file, ['images', 'annotations'], 1 + dice.int(30)))
        found[key] = [...(found[key] ?? []), ...values];
      return true;
    };
    if (!(await ownErrors(file, read)) || !whole) return;
    for (const [key, values] of Object.entries(found)) same(values, whole[key], key);
  },

  'tar, damaged': async (dir, dice) => {
    const file = join(dir, 'x.tar');
    const archive = damaged(TAR, dice);
    writeFileSync(file, archive);
    await ownErrors(file, async () => {
      for (const { offset, size } of tarMembers(file, () => dice.int(2) === 0))
        if (offset + size > archive.length) throw new Error('a member beyond the end');
    });
  },

  sentences: async (_, dice) => {
    const breaks = ['\n', '==', '== References ==\n', '=== x ===\n'];
    const signs = ['A', 'b', '. ', '.', '? ', '! ', ...breaks, '。', '"', ' ', 'e.g. ', 'Dr. '];
    const letters = (s: string) => s.replace(/[^Ab]/g, '');
    for (let n = 0; n < 50; n++) {
      const text = dice.text(signs, 60);
      const sentences = articleSentences(text);
      if (sentences.some((s) => s.trim() === '' || /[\r\n]/.test(s)))
        throw new Error(JSON.stringify({ text, sentences }));
      if (!/==/.test(text)) same(letters(sentences.join('')), letters(text), text);
    }
  },
};
