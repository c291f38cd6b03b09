import { join } from 'node:path';
import { type ClassNames, classEntries, spokenName } from './classNames.js';
import type { ClassEntry, Complain, Pictures, Split } from './listing.js';
import { pathBelow } from './paths.js';

/** More classes than this are no classes but a column of something else. */
const MOST_CLASSES = 1_000_000;

/** Pictures of one split as a file lists them: a path and a label as text, and where that stands. */
export class Rows {
  readonly paths: string[] = [];
  readonly labels: string[] = [];
  readonly wheres: (number | string)[] = [];
  /** Pictures listed again under the same class. */
  readonly repeated: string[] = [];
  private readonly seen = new Map<string, number>();

  constructor(
    /** For messages. */
    readonly file: string,
    private readonly complain: Complain,
  ) {}

  /** `FILE:12`, or `FILE: images[3]` */
  where(at: number | string): string {
    return typeof at === 'number' ? `${this.file}:${at}` : `${this.file}: ${at}`;
  }

  add(path: string, label: string, at: number | string): void {
    const below = pathBelow(path);
    if ('why' in below) {
      this.complain(`${this.where(at)}: "${path}" ${below.why}; expected a path below the data's folder`);
      return;
    }
    if (label === '') {
      this.complain(`${this.where(at)}: ${below.path} has an empty label; expected a class`);
      return;
    }
    const before = this.seen.get(below.path);
    if (before !== undefined) {
      const other = this.labels[before]!;
      if (other !== label) {
        const first = this.where(this.wheres[before]!);
        this.complain(
          `${this.where(at)}: ${below.path} is of class ${label}, at ${first} of ${other}; expected one class`,
        );
        return;
      }
      this.repeated.push(below.path);
    } else this.seen.set(below.path, this.paths.length);
    this.paths.push(below.path);
    this.labels.push(label);
    this.wheres.push(at);
  }
}

const INDEX = /^(?:0|[1-9]\d*)$/;

/** How labels name classes. */
interface Labelling {
  classes: ClassEntry[];
  /** The label of a text; undefined where it names no class. */
  label(text: string): number | undefined;
  /** What a label may be, for messages. */
  expected: string;
}

/** By a file of class names: a name (cleaned or as it stands) or a number from 0. */
function byNames({ file, classes }: ClassNames): Labelling {
  const found = new Map<string, number>();
  // Names that two classes share name neither; keys and display names always do.
  const spoken = new Map<string, number>();
  classes.forEach(({ spoken: name }, c) => {
    spoken.set(name, spoken.has(name) ? -1 : c);
  });
  for (const [name, c] of spoken) if (c >= 0) found.set(name, c);
  classes.forEach(({ name }, c) => {
    found.set(name, c);
  });
  for (const [c, { key }] of classes.entries()) if (!found.has(key)) found.set(key, c);
  return {
    classes,
    label: (text) => {
      const named = found.get(text) ?? found.get(spokenName(text));
      if (named !== undefined) return named;
      return INDEX.test(text) && Number(text) < classes.length ? Number(text) : undefined;
    },
    expected: `a number from 0 to ${classes.length - 1} or a name of ${file}`,
  };
}

/** By the labels alone: numbers are indices, other texts are names in alphabetical order (by code unit). */
function byLabels(all: readonly Rows[]): Labelling {
  const texts = new Set<string>();
  for (const rows of all) for (const label of rows.labels) texts.add(label);
  if ([...texts].every((text) => INDEX.test(text))) {
    let most = -1;
    for (const text of texts) if (Number(text) < MOST_CLASSES) most = Math.max(most, Number(text));
    const names = Array.from({ length: most + 1 }, (_, c) => ({ key: String(c), name: String(c) }));
    return {
      classes: classEntries(names),
      label: (text) => (Number(text) < MOST_CLASSES ? Number(text) : undefined),
      expected: `a class's number below ${MOST_CLASSES}`,
    };
  }
  const keys = [...texts].sort();
  const index = new Map(keys.map((key, c) => [key, c]));
  return {
    classes: classEntries(keys.map((key) => ({ key, name: spokenName(key) }))),
    label: (text) => index.get(text),
    expected: 'a class',
  };
}

/** Gives the rows of all splits their labels. Rows of unknown classes are complained of and left out. */
export function label(
  splits: Partial<Record<Split, Rows>>,
  names: ClassNames | undefined,
  complain: Complain,
): { classes: ClassEntry[]; labels: Partial<Record<Split, { paths: string[]; labels: Int32Array }>> } {
  const labelling = names ? byNames(names) : byLabels(Object.values(splits));
  const labels: Partial<Record<Split, { paths: string[]; labels: Int32Array }>> = {};
  for (const [split, rows] of Object.entries(splits) as [Split, Rows][]) {
    const numbers = new Int32Array(rows.paths.length);
    let unknown = 0;
    rows.labels.forEach((text, i) => {
      const found = labelling.label(text);
      numbers[i] = found ?? -1;
      if (found !== undefined) return;
      unknown++;
      complain(
        `${rows.where(rows.wheres[i]!)}: the label "${text.slice(0, 80)}" is unknown; expected ${labelling.expected}`,
      );
    });
    labels[split] = unknown
      ? { paths: rows.paths.filter((_, i) => numbers[i]! >= 0), labels: numbers.filter((c) => c >= 0) }
      : { paths: rows.paths, labels: numbers };
  }
  return { classes: labelling.classes, labels };
}

/** Pictures that are files of their own. @param prefix of their paths below `base`, '' or a folder */
export function pictureFiles(base: string, prefix: string, paths: string[], labels: Int32Array): Pictures {
  const file = (id: string): string => join(base, id);
  return { ids: prefix ? paths.map((path) => `${prefix}/${path}`) : paths, labels, input: file, file };
}
