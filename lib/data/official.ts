import { plural } from '../plural.js';
import type { Note } from './findings.js';
import type { Format, Listing, Split } from './formats/listing.js';

/** What a published data set has. Counts: METHOD.md, "Datasets"; the authors' and Decoupling's lists agree. */
interface Published {
  name: string;
  classes: number;
  pictures: Partial<Record<Split, number>>;
  /** Training pictures of the largest and of the smallest class. */
  largest: number;
  smallest: number;
  /** Where the lists and the pictures come from. */
  lists: Partial<Record<Split, string>>;
  names: string;
  images: string;
  source: string;
}

const CORPUS = 'the text corpus among the releases of github.com/ChangyaoTian/VL-LTR';
const OLTR = 'github.com/zhmiao/OpenLongTailRecognition-OLTR';

export const PUBLISHED: Partial<Record<Format, Published>> = {
  'imagenet-lt': {
    name: 'ImageNet-LT',
    classes: 1000,
    pictures: { train: 115_846, val: 20_000, test: 50_000 },
    largest: 1280,
    smallest: 5,
    lists: { train: 'ImageNet_LT_train.txt', val: 'ImageNet_LT_val.txt', test: 'ImageNet_LT_test.txt' },
    names: `labels.txt of ${CORPUS}: imagenet.zip`,
    images: "ImageNet's own train/ and val/ of ILSVRC 2012 (image-net.org)",
    source: OLTR,
  },
  'places-lt': {
    name: 'Places-LT',
    classes: 365,
    pictures: { train: 62_500, val: 7_300, test: 36_500 },
    largest: 4980,
    smallest: 5,
    lists: { train: 'Places_LT_train.txt', val: 'Places_LT_val.txt', test: 'Places_LT_test.txt' },
    names: `labels.txt of ${CORPUS}: places.zip`,
    images: 'places365_standard (places2.csail.mit.edu)',
    source: OLTR,
  },
  'inaturalist-2018': {
    name: 'iNaturalist 2018',
    classes: 8142,
    pictures: { train: 437_513, val: 24_426 },
    largest: 1000,
    smallest: 2,
    lists: { train: 'train2018.json', val: 'val2018.json' },
    names: 'categories.json, the names that were made public later',
    images: 'train_val2018.tar.gz',
    source: 'github.com/visipedia/inat_comp, folder 2018',
  },
};

const figure = (n: number): string => n.toLocaleString('en-US');

/** What a data set of a published kind has. */
export interface Counted {
  classes: number;
  pictures: Partial<Record<Split, number>>;
}

/** Where the numbers of a published data set are not those that were published, and which file to get. */
export function publishedDifferences(format: Format, { classes, pictures }: Counted): string[] {
  const published = PUBLISHED[format];
  if (!published) return [];
  const { source, lists } = published;
  const items: string[] = [];
  if (classes !== published.classes)
    items.push(`${figure(classes)} classes, published ${figure(published.classes)}: get ${published.names}`);
  for (const [split, n] of Object.entries(published.pictures) as [Split, number][]) {
    const found = pictures[split];
    if (found === undefined)
      items.push(`no ${split}, published ${figure(n)} pictures: get ${lists[split]} (${source})`);
    else if (found !== n)
      items.push(`${figure(found)} pictures in ${split}, published ${figure(n)}: get ${lists[split]} (${source})`);
  }
  return items;
}

/** Notes where a published data set is not what was published. Part of one can still be trained on. */
export function noteOfficial(
  { format, splits, classes, dir }: Listing,
  counts: Int32Array,
  missing: number,
  note: Note,
): void {
  const published = PUBLISHED[format];
  if (!published) return;
  const { name, source, lists } = published;
  const pictures = Object.fromEntries(Object.entries(splits).map(([split, { ids }]) => [split, ids.length]));
  const items = publishedDifferences(format, { classes: classes.length, pictures });
  const [largest, smallest] = [
    counts.reduce((a, b) => Math.max(a, b), 0),
    counts.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  ];
  if (
    splits.train &&
    classes.length > 0 &&
    items.length === 0 &&
    (largest !== published.largest || smallest !== published.smallest)
  )
    items.push(
      `${figure(largest)} to ${figure(smallest)} training pictures a class, published ${figure(published.largest)} to ` +
        `${figure(published.smallest)}: get ${lists.train} (${source})`,
    );
  if (missing > 0) items.push(`${figure(missing)} listed pictures not in ${dir}: get ${published.images}`);
  if (items.length)
    note('warning', 'official', `${plural(items.length, 'difference')} from the published ${name}`, items);
}
