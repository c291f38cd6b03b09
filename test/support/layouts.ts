import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

/** Small data sets in the layouts that people have, written for tests. */

export const NAMES = ['red_fox', 'st._bernard', 'crane'];
const COLOURS = ['#c83214', '#1e8c3c', '#1e3cc8'];
/** Pictures of each class by split. */
export const COUNTS = { train: [6, 3, 2], val: [1, 1, 1], test: [2, 2, 2] };
type Split = keyof typeof COUNTS;
const SPLITS = Object.keys(COUNTS) as Split[];

export interface Row {
  split: Split;
  path: string;
  label: number;
}

export async function put(dir: string, path: string, content: string | Uint8Array): Promise<void> {
  const file = join(dir, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** A picture of a class, no two alike. */
export function picture(label: number, n: number, size = 12): Promise<Buffer> {
  const base = sharp({ create: { width: size, height: size, channels: 3, background: COLOURS[label]! } });
  const dot = {
    create: { width: 3, height: 3, channels: 3 as const, background: { r: 20 * n, g: 255, b: 255 - 9 * n } },
  };
  return base
    .composite([{ input: dot, left: n % 9, top: (2 * n) % 9 }])
    .jpeg({ quality: 95 })
    .toBuffer();
}

/** Rows of all splits; `path` says where a picture of a split and class lies. */
export function rows(path: (split: Split, label: number, n: number) => string): Row[] {
  let n = 0;
  return SPLITS.flatMap((split) =>
    COUNTS[split].flatMap((count, label) =>
      Array.from({ length: count }, () => ({ split, path: path(split, label, n++), label })),
    ),
  );
}

async function pictures(dir: string, list: readonly Row[]): Promise<void> {
  for (const [n, { path, label }] of list.entries()) await put(dir, path, await picture(label, n));
}

const lines = (list: readonly Row[], split: Split): string =>
  list
    .filter((row) => row.split === split)
    .map((row) => `${row.path} ${row.label}\n`)
    .join('');

/** Articles of the first two classes, as the authors' corpora have them. */
async function articles(dir: string): Promise<void> {
  const article = 'The fox is red. It hunts at night.\n\n== Habitat ==\nWoods. Fields.\n\n== References ==\nA book.\n';
  await put(dir, 'wiki/desc_0.txt', article);
  await put(dir, 'wiki/desc_1.txt', 'A large dog.\n');
}

/** Numbers of Caffe's order, which is not that of the WordNet ids: what sorts the lines must be the ids. */
const WORDNET = ['n02119022', 'n02109525', 'n02012849'];

export const layouts = {
  async folder(dir: string) {
    await pictures(
      dir,
      rows((split, label, n) => `${split}/${NAMES[label]}/${n}.jpg`),
    );
  },
  async 'imagenet-lt'(dir: string) {
    // Labels go by the sorted ids: crane 0, bernard 1, fox 2 — so classes are turned round.
    const list = rows((split, label, n) =>
      split === 'test' ? `val/ILSVRC2012_val_${n}.JPEG` : `train/${WORDNET[label]}/${WORDNET[label]}_${n}.JPEG`,
    );
    await pictures(dir, list);
    const turned = list.map((row) => ({ ...row, label: 2 - row.label }));
    for (const split of SPLITS) await put(dir, `ImageNet_LT_${split}.txt`, lines(turned, split));
    await put(dir, 'labels.txt', WORDNET.map((id, i) => `${id} ${i + 1} ${NAMES[i]}\n`).join(''));
    await articles(dir);
  },
  async 'places-lt'(dir: string) {
    const list = rows((split, label, n) => `${split === 'train' ? 'data' : 'val'}_256/${'abc'[label]}/${n}.jpg`);
    await pictures(dir, list);
    for (const split of SPLITS) await put(dir, `Places_LT_${split}.txt`, lines(list, split));
    await put(dir, 'labels.txt', '/c/crane/indoor 2\r\n/r/red_fox 0\r\n/s/st._bernard 1\r\n');
    await articles(dir);
  },
  async 'inaturalist-2018'(dir: string) {
    const list = rows((_, label, n) => `train_val2018/Aves/${label}/${n}.jpg`).filter(({ split }) => split !== 'test');
    await pictures(dir, list);
    const categories = NAMES.map((_, id) => ({ id, name: String(id), supercategory: 'Aves' }));
    for (const split of ['train', 'val'] as const) {
      const own = list.filter((row) => row.split === split);
      const images = own.map((row, i) => ({ id: 1000 + i, file_name: row.path, width: 12, height: 12 }));
      // In another order than the images: only the ids say what belongs together.
      const annotations = own.map((row, i) => ({ id: i, image_id: 1000 + i, category_id: row.label })).reverse();
      await put(dir, `${split}2018.json`, JSON.stringify({ info: { year: 2018 }, images, annotations, categories }));
    }
    await put(dir, 'test2018.json', JSON.stringify({ images: [{ id: 1, file_name: 'test2018/1.jpg' }] }));
    const named = NAMES.map((name, id) => ({ id, name: name.replace('_', ' '), kingdom: 'Animalia' }));
    await put(dir, 'categories.json', JSON.stringify(named.reverse()));
    await articles(dir);
  },
  async list(dir: string) {
    const list = rows((_, label, n) => `a picture of ${label}, ${n}.jpg`);
    await pictures(join(dir, 'images'), list);
    for (const split of SPLITS) await put(dir, `${split}.txt`, lines(list, split));
    await put(dir, 'classes.txt', `${NAMES.join('\n')}\n`);
  },
  async csv(dir: string) {
    const list = rows((split, label, n) => `${split}, ${label}/"${n}".jpg`);
    await pictures(dir, list);
    const line = ({ path, split, label }: Row) => `"${path.replaceAll('"', '""')}",7,${NAMES[label]},${split}\r\n`;
    await put(dir, 'data.csv', `\ufefffilename,size,Species,split\r\n${list.map(line).join('')}`);
  },
  async tsv(dir: string) {
    const list = rows((_, label, n) => `${label}-${n}.jpg`);
    await pictures(dir, list);
    for (const split of SPLITS) {
      const own = list.filter((row) => row.split === split).map((row) => `${row.label}\t${row.path}\n`);
      await put(dir, `${split}.tsv`, `label\tpath\n${own.join('')}`);
    }
    await put(dir, 'labels.txt', NAMES.join('\n'));
  },
  async jsonl(dir: string) {
    const list = rows((_, label, n) => `${label}/${n}.jpg`);
    await pictures(dir, list);
    const line = ({ path, label, split }: Row) => `${JSON.stringify({ image: path, class: NAMES[label], split })}\n`;
    await put(dir, 'metadata.jsonl', list.map(line).join(''));
  },
  async coco(dir: string) {
    const list = rows((_, label, n) => `${label}_${n}.jpg`);
    for (const row of list) {
      const n = list.indexOf(row);
      await put(dir, `${row.split}2017/${row.path}`, await picture(row.label, n));
    }
    // Categories from 1 with a gap, as COCO has them; two boxes in one picture.
    const ids = [1, 3, 90];
    const categories = NAMES.map((name, i) => ({ id: ids[i], name }));
    for (const split of SPLITS) {
      const own = list.filter((row) => row.split === split);
      const images = own.map((row, i) => ({ file_name: row.path, id: i }));
      const annotations = own.map((row, i) => ({ image_id: i, category_id: ids[row.label], bbox: [0, 0, 1, 1] }));
      const json = { categories, annotations: [...annotations, annotations[0]], images };
      await put(dir, `annotations/instances_${split}2017.json`, JSON.stringify(json, null, 1));
      await put(dir, `annotations/captions_${split}2017.json`, '{}');
    }
  },
  async webdataset(dir: string) {
    const list = rows((split, label, n) => `${split}${label}/${n}.jpg`);
    const members: Record<string, { name: string; data: Uint8Array }[]> = {};
    for (const [n, { split, path, label }] of list.entries()) {
      const shard = split === 'train' ? `train-${String(n % 2).padStart(6, '0')}` : `${split}-000000`;
      members[shard] ??= [];
      const key = path.replace('.jpg', '');
      const json = n % 3 === 0;
      members[shard].push({ name: path, data: await picture(label, n) });
      const text = json ? JSON.stringify({ label: NAMES[label] }) : `${label}\n`;
      members[shard].push({ name: `${key}.${json ? 'json' : 'cls'}`, data: Buffer.from(text) });
    }
    for (const [shard, list] of Object.entries(members)) await put(dir, `${shard}.tar`, tar(list));
    await put(dir, 'classes.txt', NAMES.join('\n'));
  },
};

/** A tar archive in POSIX form, enough for tests; the real one made by `tar` is tried beside it. */
export function tar(members: readonly { name: string; data: Uint8Array; type?: string }[], end = true): Buffer {
  const blocks: Uint8Array[] = [];
  for (const { name, data, type = '0' } of members) {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100, 'utf8');
    header.write('0000644\0', 100);
    header.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0        ', 136);
    header.write(type, 156);
    header.write('ustar\x0000', 257, 'latin1');
    header.write(
      `${header
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    blocks.push(header, data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  if (end) blocks.push(Buffer.alloc(1024));
  return Buffer.concat(blocks);
}
