import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { FORMATS, type Format, type ReadOptions } from '../data/formats/listing.js';
import { type Shots, shotPresets } from '../data/shots.js';
import { check } from '../errors.js';
import { isIconLt } from './dataName.js';
import { integer, natural, optionName } from './options.js';

/** How a data set is read, as the command line says it; what is absent is found out. */
export interface DataFlags {
  format?: Format;
  images?: string;
  columns?: ReadOptions['columns'];
  authorsText?: boolean;
  shots?: Extract<Shots, string>;
  workers?: number;
  maxUnreadable?: number;
}

const COLUMNS = ['path', 'label', 'split'];

/** `path=file,label=species` */
function columns(text: string): NonNullable<ReadOptions['columns']> {
  const pairs = text.split(',').map((pair) => pair.split('='));
  for (const [column, name, ...rest] of pairs)
    if (!COLUMNS.includes(column!) || !name || rest.length > 0)
      throw new InvalidArgumentError(`expected ${COLUMNS.map((c) => `${c}=NAME`).join(', ')}, parted by commas`);
  return Object.fromEntries(pairs);
}

/** Adds the options of how a data set is read. */
export function dataFlags(command: Command): Command {
  return command
    .optionsGroup('Data:')
    .addOption(new Option('--format <layout>', 'how the data is laid out (default: found out)').choices(FORMATS))
    .option('--images <dir>', "folder that the paths of lists start from (default: the data's own)")
    .option('--columns <names>', 'columns of a table by what they hold: path=file,label=species,split=set', columns)
    .option('--authors-text', "prompts and articles split as in the authors' code, oddities included")
    .option(
      '--no-authors-text',
      'each prompt whole, articles by their sentences (the default where no preset says otherwise)',
    )
    .addOption(
      new Option('--shots <bounds>', 'shot groups: many ≥ 100, few ≤ 20 (authors), > 100, < 20 (decoupling)').choices([
        ...Object.keys(shotPresets),
        'scaled',
        'auto',
      ]),
    );
}

/** Adds `--workers`. */
export const workersFlag = (command: Command): Command =>
  command.option(
    '--workers <n>',
    'threads that decode pictures; no number depends on it (default: cores, at most 16)',
    natural,
  );

/** Adds the options of how a data set's training pictures are decoded while they are used. */
export const loaderFlags = (command: Command): Command =>
  workersFlag(command).option(
    '--max-unreadable <n>',
    'training pictures that may be unreadable, each replaced by another of its class (default: 0.1 %, at least 10)',
    integer,
  );

/** Refuses what says how data is read where none is. @throws VlltrError ERR_USAGE naming the option */
export function refuseDataFlags(flags: DataFlags, why: string): void {
  for (const key of ['format', 'images', 'columns', 'authorsText', 'shots'] as const)
    check(flags[key] === undefined, 'ERR_USAGE', () => `${optionName(key)} says how data is read; ${why}`);
}

/** What of the command line's options says how the data is read; Icon-LT has nothing to say. @throws VlltrError ERR_USAGE */
export function givenData(data: string, flags: DataFlags): DataFlags {
  const { format, columns: named, authorsText, shots, workers, maxUnreadable } = flags;
  const images = flags.images === undefined ? undefined : resolve(flags.images);
  const all = { format, images, columns: named, authorsText, shots, workers, maxUnreadable };
  const given = Object.entries(all).filter(([, v]) => v !== undefined);
  check(given.length === 0 || !isIconLt(data), 'ERR_USAGE', () => {
    return `${optionName(given[0]![0])} is about data of your own; ${data} is drawn here`;
  });
  return Object.fromEntries(given);
}

/** The layouts, for the help of commands. */
export const LAYOUTS = `
Data is a folder (or a file: CSV, TSV, JSON lines, COCO JSON, list, tar) in one of these layouts, found out by its files:
  folder            train/<class>/pictures, optional val/ and test/
  imagenet-lt       ImageNet_LT_train.txt, _val, _test ("relative/path.jpg label"), labels.txt, pictures
  places-lt         Places_LT_train.txt, _val, _test, labels.txt, pictures
  inaturalist-2018  train2018.json, val2018.json, categories.json, pictures
  list              train.txt, val.txt, test.txt ("relative/path.jpg label"), labels.txt with a name a line
  csv, tsv, jsonl   train.csv, val.csv, test.csv, or data.csv with a column split; columns path and label
  coco              train.json, val.json, or annotations/instances_….json: images, annotations, categories
  webdataset        train-….tar, val-….tar, test-….tar: .jpg with .cls or .json of the same name
Class texts beside it, all optional:
  wiki/desc_<index>.txt   an article of a class by its index from 0 (sections headed == title ==)
  classes.json            {"<class>": ["a sentence", …], …}
  text/<class>.txt        sentences or an article of a class`;
