import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkData } from '../../lib/data/checkData.js';
import { readListing } from '../../lib/data/formats/index.js';
import { openPictures } from '../../lib/data/openPictures.js';
import { layouts, put, tar } from '../support/layouts.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vlltr-bad-'));
});
afterEach(() => rm(dir, { recursive: true }));

const read = () => readListing(dir);

/** Reads data of these files; what it is refused with, and what `check` says of it. */
async function refusal(files: Record<string, string | Uint8Array>): Promise<{ error: string; problems: string[] }> {
  for (const [file, content] of Object.entries(files)) await put(dir, file, content);
  const error = await read().then(
    () => 'nothing',
    (e: Error & { code?: string }) => `${e.code}: ${e.message}`,
  );
  const problems = await checkData(dir, { decode: false }).then(
    ({ findings }) =>
      findings.filter((f) => f.kind === 'format' && f.severity === 'problem').flatMap((f) => [f.message, ...f.items]),
    (e: Error) => [e.message],
  );
  return { error: error.replaceAll(`${dir}/`, ''), problems: problems.map((p) => p.replaceAll(`${dir}/`, '')) };
}

describe('lists', () => {
  it.each([
    ['a.jpg 0\nb.jpg\n', /^ERR_DATA: train\.txt:2: "b\.jpg" has no label; expected "relative\/path\.jpg label"/],
    [
      'a.jpg 0\n\r\n../b.jpg 1\n',
      /^ERR_DATA: train\.txt:3: "\.\.\/b\.jpg" leads out of the folder; expected a path below/,
    ],
    ['a.jpg 0\nx/../../b.jpg 1\n', /train\.txt:2: .* leads out of the folder/],
    ['a.jpg 0\n/etc/passwd 1\n', /train\.txt:2: "\/etc\/passwd" is an absolute path/],
    ['a.jpg 0\nC:\\b.jpg 1\n', /train\.txt:2: .* is an absolute path/],
    ['a.jpg 0\nhttps://x.org/b.jpg 1\n', /train\.txt:2: .* is an address/],
    ['a.jpg 0\nb.jpg 1\na.jpg 1\n', /train\.txt:3: a\.jpg is of class 1, at train\.txt:1 of 0; expected one class/],
    ['a.jpg 0\nb.jpg 99999999\n', /train\.txt:2: the label "99999999" is unknown; expected a class's number below/],
    ['', /train\.txt lists no picture; expected lines/],
    ['\n\n', /train\.txt lists no picture/],
    [
      Buffer.from('a.jpg 0\nb\xff.jpg 1\n', 'latin1'),
      /train\.txt is no UTF-8 text, at line 1 or below; save it as UTF-8/,
    ],
    [Buffer.from('\ufeffa.jpg 0\n', 'utf16le'), /train\.txt is no UTF-8 text/],
    [`${'x'.repeat(1 << 21)} 0\n`, /train\.txt:1: a line of over 1048576 characters/],
  ])('name file, line and what was expected: %#', async (content, message) => {
    const { error, problems } = await refusal({ 'train.txt': content });
    expect(error).toMatch(message);
    expect(problems.some((p) => message.test(`ERR_DATA: ${p}`))).toBe(true);
  });

  it('check collects all that is wrong with them', async () => {
    const { problems } = await refusal({ 'train.txt': '../a 0\nb.jpg 1\nc\nd.jpg 0\n', 'val.txt': '/e 0\n' });
    expect(problems[0]).toBe('4 entries cannot be used');
    expect(problems).toHaveLength(5);
  });

  it('with names, labels are names of the file or its numbers', async () => {
    const { error } = await refusal({ 'train.txt': 'a.jpg 0\nb.jpg 2\n', 'labels.txt': 'cat\ndog\n' });
    expect(error).toMatch(
      /train\.txt:2: the label "2" is unknown; expected a number from 0 to 1 or a name of labels\.txt/,
    );
    await put(dir, 'train.txt', 'a.jpg\tdog\nb.jpg\tcat\n');
    expect([...(await read()).splits.train!.labels]).toEqual([1, 0]);
  });

  it('with gaps in the labels leave classes that nothing trains', async () => {
    await put(dir, 'train.txt', 'a.jpg 0\nb.jpg 2\n');
    await expect(openPictures(dir, { imageSize: 4, warn: () => {} })).rejects.toThrow(
      /class 1 in .*train\.txt has no pictures; every class needs at least one/,
    );
    const report = await checkData(dir, { decode: false });
    expect(report.findings.find((f) => f.kind === 'empty-class')?.items).toEqual(['1']);
    await put(dir, 'train.txt', 'a.jpg 0\nb.jpg 1\n');
    await put(dir, 'test.txt', 'c.jpg 3\n');
    await expect(openPictures(dir, { imageSize: 4, warn: () => {} })).rejects.toThrow(/class [23] in /);
  });

  it('with a picture twice, or in two splits, are warned of', async () => {
    await put(dir, 'train.txt', 'a.jpg 0\nb.jpg 1\na.jpg 0\n');
    await put(dir, 'test.txt', './b.jpg 1\n');
    const { findings } = await checkData(dir, { decode: false });
    const kinds = findings.map((f) => f.kind);
    expect(kinds).toContain('duplicate');
    expect(findings.find((f) => f.kind === 'leak')?.items).toEqual(['b.jpg = b.jpg']);
    expect(findings.some((f) => f.message.includes('lists 1 pictures again'))).toBe(true);
  });
});

describe('class names', () => {
  it.each([
    ['n01440764 1 tench\nn01443537 2 goldfish\nshark\n', /labels\.txt:3: "shark"; expected a WordNet id and a name/],
    ['n01440764 tench\nn01440764 goldfish\n', /labels\.txt has n01440764 twice/],
    ['', /labels\.txt names no class/],
  ])('%j', async (content, message) => {
    expect((await refusal({ 'train.txt': 'a.jpg 0\n', 'labels.txt': content })).error).toMatch(message);
  });

  it.each([
    ['{"a": 1}', /categories\.json holds no list of classes/],
    ['[{"id": "x", "name": "a"}]', /categories\.json: entry 0 is .*expected \{"id": number/],
    ['[{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]', /categories\.json has 0 twice/],
    ['[', /categories\.json is no JSON/],
  ])('categories.json %j', async (content, message) => {
    const train = { images: [{ id: 1, file_name: 'a.jpg' }], annotations: [{ image_id: 1, category_id: 0 }] };
    const files = { 'train2018.json': JSON.stringify(train), 'categories.json': content };
    expect((await refusal(files)).error).toMatch(message);
  });
});

describe('tables', () => {
  it.each([
    ['path,label\na.jpg,cat\nb.jpg,cat,x\n', /train\.csv:3: 3 fields, expected 2 as in the head/],
    ['path,label\n"a\nb.jpg",cat\nc.jpg\n', /train\.csv:4: 1 fields, expected 2/],
    ['path,label\n"a.jpg,cat\nb.jpg,dog\n', /train\.csv:2: a quote is never closed/],
    ['path,label\n"a"x.jpg,cat\n', /train\.csv:2: "x" behind a closing quote; expected "," or a line end/],
    ['file,kind\na.jpg,cat\n', /train\.csv:1 has no column of labels among "file", "kind"; expected label, class/],
    ['path,label\n', /train\.csv lists no picture/],
    ['', /train\.csv lists no picture/],
    ['path,label\na.jpg,\n', /train\.csv:2: a\.jpg has an empty label/],
    ['path,label\n,cat\n', /train\.csv:2: "" is an empty path/],
    ['path,label,split\na.jpg,cat,tarin\n', /train\.csv:2: the split is "tarin"; expected train/],
    ['path,label,split\na.jpg,cat,val\n', /train\.csv:2: the split is "val"; expected train/],
  ])('name file, line and what was expected: %j', async (content, message) => {
    const { error, problems } = await refusal({ 'train.csv': content });
    expect(error).toMatch(message);
    expect(problems.join('\n')).toMatch(message);
  });

  it('that say no split train; of two that may be the data neither is taken', async () => {
    await put(dir, 'data.csv', 'path,label\na.jpg,cat\n');
    expect(Object.keys((await read()).splits)).toEqual(['train']);
    const { error } = await refusal({ 'data.csv': 'path,label,split\na.jpg,cat,train\nb.jpg,cat,\n' });
    expect(error).toMatch(/data\.csv:3: the split is ""; expected train, val or test/);
    const both = await refusal({ 'metadata.csv': 'path,label\na.jpg,cat\n' });
    expect(both.error).toMatch(/has data\.csv and metadata\.csv; expected one of them/);
  });

  it('take quotes, CRLF, a byte order mark and line breaks in fields', async () => {
    await put(
      dir,
      'train.csv',
      '\ufeffLabel,Path\r\n "big ""cat""" , a b.jpg\r\n\r\n"two\nlines","c,d.jpg"\r\ne,f.jpg',
    );
    const { classes, splits } = await read();
    expect(splits.train!.ids).toEqual(['a b.jpg', 'c,d.jpg', 'f.jpg']);
    expect(classes.map((c) => c.name)).toEqual(['big "cat"', 'e', 'two lines']);
  });

  it.each([
    [
      '{"path": "a.jpg", "label": "cat"}\n{"path": 1}\n',
      /train\.jsonl:2: "label" is absent, expected a text or a whole number/,
    ],
    ['{"path": "a.jpg", "label": "cat"}\n\n{x}\n', /train\.jsonl:3 is no JSON: .*expected one object a line/],
    ['[1]\n', /train\.jsonl:1: \[1\]; expected an object like/],
    ['{"path": ["a"], "label": 1}\n', /train\.jsonl:1: "path" is \["a"\], expected a text/],
    ['{"a": 1}\n', /train\.jsonl:1 has no column of paths among "a"/],
  ])('JSON lines %j', async (content, message) => {
    expect((await refusal({ 'train.jsonl': content })).error).toMatch(message);
  });

  it('without a column that was asked for say what there is', async () => {
    await put(dir, 'train.csv', 'a,b\n');
    await expect(readListing(dir, { columns: { path: 'x' } })).rejects.toThrow(/no column "x"; it has a, b/);
  });
});

describe('COCO JSON', () => {
  const image = { id: 1, file_name: 'a.jpg' };
  const mark = { image_id: 1, category_id: 5 };
  const category = { id: 5, name: 'cat' };
  const good = { images: [image], annotations: [mark], categories: [category] };
  it.each([
    [
      { ...good, images: [image, image] },
      /train\.json: images\[1\] has the id 1 of images\[0\]; expected ids used once/,
    ],
    [
      { ...good, images: [{ id: 1 }] },
      /train\.json: images\[0\] has id 1 and file_name absent, expected a number and a text/,
    ],
    [{ ...good, images: [7] }, /train\.json: images\[0\] is 7, expected an object/],
    [
      { ...good, images: [image, { id: 2, file_name: 'b.jpg' }] },
      /images\[1\], b\.jpg, has no annotation; expected one/,
    ],
    [{ ...good, images: [{ id: 1, file_name: '../a.jpg' }] }, /images\[0\]: "\.\.\/a\.jpg" leads out of the folder/],
    [
      { ...good, annotations: [mark, { ...mark, image_id: 2 }] },
      /annotations\[1\] is of image 2, which "images" lacks/,
    ],
    [
      { ...good, annotations: [mark, { ...mark, category_id: 6 }] },
      /annotations\[1\] gives a\.jpg category 6, another 5/,
    ],
    [
      { ...good, annotations: [{ ...mark, category_id: 6 }] },
      /annotations\[0\] has category 6, which "categories" lacks/,
    ],
    [{ ...good, annotations: [{}] }, /annotations\[0\] has image_id absent and category_id absent/],
    [{ ...good, categories: [category, category] }, /categories\[1\] has the id 5 again/],
    [{ ...good, images: {} }, /train\.json:1 is no JSON as expected: found "\{", expected a list \[ under "images"/],
    [{ annotations: [] }, /train\.json has no "images"/],
    [[], /train\.json:1 is no JSON as expected: found "\[", expected an object/],
  ])('%j', async (content, message) => {
    expect((await refusal({ 'train.json': JSON.stringify(content) })).error).toMatch(message);
  });

  it.each([
    ['', /train\.json is empty; expected JSON/],
    ['{"images": [{"id": 1, "file_name": "a', /train\.json:1 .*found its end, expected more: the file is cut off/],
    ['{"images": [{"id": 1}', /found its end, expected a comma or the closing \]/],
    ['{"images": [\n{"id" 1}\n]}', /train\.json:2: images\[0\] is no JSON/],
    ['{"images": []} x', /found "x", expected the end of the file/],
    ['{"images": [], "images": []}', /has "images" twice/],
    ['{"info": , "images": []}', /expected a value/],
  ])('that is none: %j', async (content, message) => {
    expect((await refusal({ 'train.json': content })).error).toMatch(message);
  });
});

describe('archives', () => {
  const member = (name: string, text: string, type?: string) => ({ name, data: Buffer.from(text), type });
  it.each([
    [
      [member('../a.jpg', 'x'), member('../a.cls', '0')],
      /train\.tar: the member "\.\.\/a\.jpg" leads out of the folder/,
    ],
    [[member('/a.jpg', 'x')], /the member "\/a\.jpg" is an absolute path/],
    [[member('a.jpg', 'x')], /train\.tar: the sample a has no label; expected a member \.cls or \.json/],
    [[member('a.cls', '0')], /the sample a has no picture/],
    [[member('a.jpg', 'x'), member('a.png', 'x'), member('a.cls', '0')], /the sample a has two members \.png/],
    [[member('a.jpg', 'x'), member('a.cls', '0'), member('a.cls', '0')], /the sample a has two members \.cls/],
    [[member('a.jpg', 'x'), member('a.json', '{')], /the sample a has a \.json that is none/],
    [
      [member('a.jpg', 'x'), member('a.json', '{"id": 3}')],
      /the sample a has a \.json without a label; expected one of label/,
    ],
    [[member('a.jpg', '', '2')], /train\.tar holds no sample/],
  ])('%#', async (members, message) => {
    expect((await refusal({ 'train.tar': tar(members) })).error).toMatch(message);
  });

  it('that are cut off or damaged are refused by name and byte', async () => {
    await layouts.webdataset(dir);
    const file = join(dir, 'train-000000.tar');
    const whole = await readFile(file);
    await truncate(file, whole.length - 1024);
    await expect(read()).rejects.toThrow(
      /train-000000\.tar, byte \d+: the archive is cut off; expected two empty blocks/,
    );
    await truncate(file, 700);
    await expect(read()).rejects.toThrow(/byte 0: the archive is cut off: \d+ bytes should follow, 188 do/);
    await writeFile(file, whole.fill(1, 100, 110));
    await expect(read()).rejects.toThrow(/byte 0: no header of a tar archive, or a damaged one/);
    await writeFile(file, '');
    await expect(read()).rejects.toThrow(/byte 0: the file is empty/);
    await writeFile(file, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]));
    await expect(read()).rejects.toThrow(/byte 0: the archive is compressed; expected a plain tar/);
  });

  it('that change after they were looked through are told of when a picture is read', async () => {
    await layouts.webdataset(dir);
    const { train } = await openPictures(dir, { imageSize: 4 });
    await truncate(join(dir, 'train-000000.tar'), 600);
    await expect(train.read([0])).rejects.toThrow(/train-000000\.tar\/.*\.jpg cannot be read: .*it was cut off/);
  });
});
