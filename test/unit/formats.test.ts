import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkData } from '../../lib/data/checkData.js';
import { FORMATS } from '../../lib/data/formats/listing.js';
import { openPictures } from '../../lib/data/openPictures.js';
import { COUNTS, layouts, picture, put } from '../support/layouts.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vlltr-formats-'));
});
afterEach(() => rm(dir, { recursive: true }));

const sizes = (labels: Int32Array | undefined): number[] => {
  const counts = [0, 0, 0];
  for (const label of labels ?? []) counts[label]! += 1;
  return counts;
};

/** Classes in the order that a layout gives them: by the list, by WordNet id, or by name. */
const ORDER: Record<string, number[]> = {
  'imagenet-lt': [2, 1, 0],
  folder: [2, 0, 1],
  csv: [2, 0, 1],
  jsonl: [2, 0, 1],
};
const NAMED = ['red fox', 'st. bernard', 'crane'];

describe.each(FORMATS)('%s', (format) => {
  it('is found out, and its pictures, classes and labels are those that were written', async () => {
    await layouts[format](dir);
    const order = ORDER[format] ?? [0, 1, 2];
    const data = await openPictures(dir, { imageSize: 8, warn: () => {} });
    const names = order.map((c) => (format === 'places-lt' && c === 2 ? 'crane indoor' : NAMED[c]));
    expect(data.classes).toEqual(names);
    expect(sizes(data.train.labels)).toEqual(order.map((c) => COUNTS.train[c]));
    expect(sizes(data.val?.labels)).toEqual([1, 1, 1]);
    expect(sizes(data.test?.labels)).toEqual(format === 'inaturalist-2018' ? [0, 0, 0] : [2, 2, 2]);
    // The pictures show their classes: red, green or blue in the corner that no dot reaches.
    for (const split of ['train', 'val', 'test'] as const) {
      const source = data[split];
      if (!source) continue;
      const pixels = await source.read(Int32Array.from({ length: source.length }, (_, i) => i));
      for (let i = 0; i < source.length; i++) {
        const at = 3 * (64 * i + 63);
        const colour = [...pixels.subarray(at, at + 3)];
        expect(colour.indexOf(Math.max(...colour)), source.id(i)).toBe(order[source.labels[i]!]);
      }
    }
    expect(new Set(Array.from({ length: data.train.length }, (_, i) => data.train.id(i))).size).toBe(11);
    const report = await checkData(dir, { authorsText: format === 'list' });
    expect(report.findings.filter((f) => f.severity === 'problem')).toEqual([]);
    expect(report.format).toBe(format);
    expect(report.pictures.train).toBe(11);
    const forced = await openPictures(dir, { imageSize: 8, format, warn: () => {} });
    expect(forced.sentences).toEqual(data.sentences);
  });
});

describe('class texts', () => {
  it('are articles by class index, whatever the layout, without the sections of sources', async () => {
    await layouts['places-lt'](dir);
    await put(dir, 'wiki/desc_9.txt', 'No class.');
    await put(dir, 'classes.json', JSON.stringify({ 'crane indoor': ['Has hooks.'] }));
    const { sentences } = await openPictures(dir, { imageSize: 8 });
    expect(sentences.map((list) => list.slice(80))).toEqual([
      ['The fox is red.', 'It hunts at night.', 'Woods.', 'Fields.'],
      ['A large dog.'],
      ['Has hooks.'],
    ]);
    const report = await checkData(dir);
    expect(report.classes.map((c) => c.sentences)).toEqual([4, 1, 1]);
    expect(report.findings.find((f) => f.kind === 'text-without-class')?.items).toEqual([join(dir, 'wiki/desc_9.txt')]);
    const authors = await openPictures(dir, { imageSize: 8, authorsText: true });
    expect(authors.sentences[1]!.slice(0, 3)).toEqual(['a bad photo of a st.', 'bernard .', 'a photo of many st.']);
    expect(authors.sentences[2]!.at(-1)).toBe('Has hooks.');
  });
});

describe('published data sets', () => {
  it.each([
    ['imagenet-lt', '115,846', 'ImageNet_LT_train.txt', '1,000'],
    ['places-lt', '62,500', 'Places_LT_train.txt', '365'],
    ['inaturalist-2018', '437,513', 'train2018.json', '8,142'],
  ] as const)('%s is compared with what was published', async (format, pictures, file, classes) => {
    await layouts[format](dir);
    const found = (await checkData(dir, { decode: false })).findings.find((f) => f.kind === 'official')!;
    expect(found.severity).toBe('warning');
    expect(found.items[0]).toContain(`3 classes, published ${classes}: get `);
    expect(found.items[1]).toContain(`11 pictures in train, published ${pictures}: get ${file}`);
    expect(found.items).toHaveLength(format === 'inaturalist-2018' ? 3 : 4);
  });

  it('and missing pictures are listed, with where to get them', async () => {
    await layouts['places-lt'](dir);
    await rm(join(dir, 'data_256/b'), { recursive: true });
    const report = await checkData(dir, { decode: false });
    expect(report.ok).toBe(false);
    expect(report.findings[0]).toMatchObject({ kind: 'missing', message: '3 listed pictures not there' });
    expect(report.findings[0]!.items[0]).toBe(join(dir, 'data_256/b/6.jpg'));
    const official = report.findings.find((f) => f.kind === 'official')!;
    expect(official.items.at(-1)).toContain('places365_standard');
    const decoded = await checkData(dir);
    expect(decoded.findings.some((f) => f.kind === 'unreadable')).toBe(false);
  });
});

describe('archives made by tar', () => {
  it.each(['ustar', 'gnu', 'pax'])('of the form %s, with long names, folders and links', async (form) => {
    const long = `${'d'.repeat(60)}/${form === 'ustar' ? 'é' : 'é'.repeat(40)}${'n'.repeat(form === 'ustar' ? 60 : 90)}`;
    await put(dir, `in/${long}.jpg`, await picture(1, 3));
    await put(dir, `in/${long}.cls`, 'fox\n');
    await put(dir, 'in/b.jpg', await picture(2, 3));
    await put(dir, 'in/b.json', '{"label": "owl", "text": "x"}');
    await put(dir, 'in/b.txt', 'ignored');
    await symlink('b.jpg', join(dir, 'in/c.jpg'));
    execFileSync('tar', [`--format=${form}`, '-cf', join(dir, 'train-0.tar'), '-C', join(dir, 'in'), '.']);
    const data = await openPictures(dir, { imageSize: 8 });
    expect(data.classes).toEqual(['fox', 'owl']);
    const order = [...data.train.labels].sort();
    expect(order).toEqual([0, 1]);
    const fox = [0, 1].find((i) => data.train.labels[i] === 0)!;
    expect(data.train.id(fox)).toBe(`train-0.tar/${long}.jpg`);
    const corner = (await data.train.read([fox])).subarray(-3);
    expect(corner.indexOf(Math.max(...corner))).toBe(1);
    expect((await checkData(dir)).ok).toBe(true);
  });
});

describe('what is found out', () => {
  it('a folder and a table at once is a question', async () => {
    await layouts.folder(dir);
    await put(dir, 'train.csv', 'path,label\nx.jpg,a\n');
    const open = (format?: 'folder') => openPictures(dir, { imageSize: 8, format });
    await expect(open()).rejects.toThrow(/can be read as csv \(train\.csv.*\) or folder .*say which with --format/);
    expect((await open('folder')).classes).toEqual(['crane', 'red fox', 'st. bernard']);
    await expect(openPictures(dir, { imageSize: 8, format: 'coco' })).rejects.toThrow(
      /no data of the format coco; expected/,
    );
  });

  it('an archive beside the folder it was unpacked to is none', async () => {
    await layouts.folder(dir);
    await put(dir, 'train.tar', 'anything');
    expect((await openPictures(dir, { imageSize: 8 })).train.length).toBe(11);
  });

  it('a file may stand for the data: a table by its columns, pictures elsewhere', async () => {
    await put(dir, 'photos/a.jpg', await picture(0, 1));
    await put(dir, 'photos/b.jpg', await picture(1, 1));
    await put(
      dir,
      'birds.csv',
      'file;kind;part\na.jpg;1,5;train\nb.jpg;"Owl ""x""";Training\n'.replace('file;kind;part', 'f;kind;part'),
    );
    const columns = { path: 'f', label: 'kind', split: 'part' };
    const data = await openPictures(join(dir, 'birds.csv'), { imageSize: 8, columns, images: join(dir, 'photos') });
    expect(data.name).toBe('birds.csv');
    expect(data.classes).toEqual(['1,5', 'Owl "x"']);
    expect((await data.train.read([0, 1])).length).toBe(2 * 192);
    await expect(openPictures(join(dir, 'photos/a.jpg'), { imageSize: 8 })).rejects.toThrow(
      /is a file; expected a folder, or \.csv/,
    );
  });

  it("Decoupling's lists of iNaturalist 2018 are the same set", async () => {
    await layouts['inaturalist-2018'](dir);
    const json = await openPictures(dir, { imageSize: 8 });
    const ids = Array.from({ length: json.train.length }, (_, i) => `${json.train.id(i)} ${json.train.labels[i]}\n`);
    await rm(join(dir, 'train2018.json'));
    await rm(join(dir, 'val2018.json'));
    await rm(join(dir, 'test2018.json'));
    await put(dir, 'iNaturalist18_train.txt', ids.join(''));
    const lists = await openPictures(dir, { imageSize: 8 });
    expect(lists.classes).toEqual(json.classes);
    expect([...lists.train.labels]).toEqual([...json.train.labels]);
    expect(lists.train.id(3)).toBe(json.train.id(3));
  });

  it('classes that share a name keep their key behind it, and are prompted by the name', async () => {
    await layouts['imagenet-lt'](dir);
    await put(dir, 'labels.txt', 'n02012849 1 crane\nn02109525 2 crane\nn02119022 3 red_fox\n');
    const data = await openPictures(dir, { imageSize: 8 });
    expect(data.classes).toEqual(['crane (n02012849)', 'crane (n02109525)', 'red fox']);
    expect(data.sentences[1]![2]).toBe('a sculpture of a crane.');
  });
});
