import { VlltrError } from '../../errors.js';
import type { PictureInput } from '../decode.js';

export const SPLITS = ['train', 'val', 'test'] as const;
export type Split = (typeof SPLITS)[number];

/** The layouts that are read, as `--format` names them. */
export const FORMATS = [
  'folder',
  'imagenet-lt',
  'places-lt',
  'inaturalist-2018',
  'list',
  'csv',
  'tsv',
  'jsonl',
  'coco',
  'webdataset',
] as const;
export type Format = (typeof FORMATS)[number];

/** A class before its texts are read. */
export interface ClassEntry {
  /** As the data has it: a folder's name, a WordNet id, a category's number. Unique. */
  key: string;
  /** As people read it. Unique: the key stands behind a name that two classes share. */
  name: string;
  /** As prompts say it. */
  spoken: string;
}

/** The pictures of a split, none of them opened. */
export interface Pictures {
  /** A name of each picture that is its own in the whole data set, and stays. */
  ids: string[];
  /** Class of each, length `ids.length`. */
  labels: Int32Array;
  /** Where a picture's bytes are. */
  input(id: string): PictureInput;
  /** The file of a picture, where it is one of its own; absent for archives. */
  file?(id: string): string;
}

/** A data set as its files list it. */
export interface Listing {
  /** As the user named it. */
  path: string;
  /** The folder that holds class texts. */
  dir: string;
  format: Format;
  /** Index = label. */
  classes: ClassEntry[];
  splits: Partial<Record<Split, Pictures>>;
  /** Files left out, and why where it is not plain. */
  ignored: string[];
  /** What to warn of: no mistakes, yet worth knowing. */
  warnings: string[];
  /** Names a split, or a class in it, for messages. */
  place(split: Split, label?: number): string;
}

/** How a data set is read; what is absent is found out. */
export interface ReadOptions {
  format?: Format;
  /** Folder that the paths of lists start from; default: the data's own, or `images` in it. */
  images?: string;
  /** Names of the columns of a table, where they are none of the usual ones. */
  columns?: Partial<Record<'path' | 'label' | 'split', string>>;
}

/** Takes what is wrong with a file; the reader then goes on without the entry. */
export type Complain = (message: string) => void;

/** Training stops at the first mistake. @throws VlltrError ERR_DATA */
export const refuse: Complain = (message) => {
  throw new VlltrError('ERR_DATA', message);
};

/** Collects mistakes, up to a number that people could still look at; the rest is counted. */
export class Complaints {
  readonly messages: string[] = [];
  count = 0;
  constructor(private readonly limit = 1000) {}
  readonly add: Complain = (message) => {
    if (++this.count <= this.limit) this.messages.push(message);
  };
}
