import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { isMissing } from '../files/missing.js';
import { authorsSentences } from './authorsText.js';
import type { ClassEntry } from './formats/listing.js';
import { prompts, promptTemplates } from './prompts.js';
import { articleSentences } from './sentences.js';
import { listArticles, readArticle } from './wiki.js';

/**
 * The sentences of a class: its prompts, each whole, then those of its article (METHOD.md, "Text corpus").
 * @param article text in Wikipedia's plain-text form, see `articleSentences`
 */
export function classSentences(
  name: string,
  article?: string,
  templates: readonly string[] = promptTemplates,
): string[] {
  return [...prompts(name, templates), ...(article === undefined ? [] : articleSentences(article))];
}

/** Class texts of a folder by class name: `classes.json` first, then `text/<class>.txt`. */
export interface ClassTexts {
  /** Sentences by key (NFC of the name in the file). */
  sentences: Map<string, string[]>;
  /** The files or entries that each key comes from, for messages. */
  sources: Map<string, string[]>;
}

/** @returns undefined where there is none */
async function readJson(file: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new VlltrError('ERR_DATA', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new VlltrError('ERR_DATA', `${file} is no JSON: ${(cause as Error).message}`, { cause });
  }
  check(
    typeof value === 'object' && value !== null && !Array.isArray(value),
    'ERR_DATA',
    () => `${file} holds ${Array.isArray(value) ? 'an array' : typeof value}, expected {"class": ["sentence", …], …}`,
  );
  return value as Record<string, unknown>;
}

/** An entry of classes.json: sentences as they are, or one text that is split. */
function entrySentences(file: string, name: string, value: unknown): string[] {
  if (typeof value === 'string') return articleSentences(value);
  check(
    Array.isArray(value) && value.every((s) => typeof s === 'string'),
    'ERR_DATA',
    () => `${file}: the entry "${name}" is ${JSON.stringify(value)?.slice(0, 60)}, expected an array of sentences`,
  );
  return value.map((s: string) => s.trim()).filter((s) => s !== '');
}

/** Reads what texts a folder holds: `classes.json` (`{"class": ["sentence", …]}`) and `text/<class>.txt`. */
export async function readClassTexts(dir: string): Promise<ClassTexts> {
  const sentences = new Map<string, string[]>();
  const sources = new Map<string, string[]>();
  const add = (name: string, source: string, list: string[]): void => {
    const key = name.normalize('NFC');
    sentences.set(key, [...(sentences.get(key) ?? []), ...list]);
    sources.set(key, [...(sources.get(key) ?? []), source]);
  };
  const json = join(dir, 'classes.json');
  for (const [name, value] of Object.entries((await readJson(json)) ?? {})) {
    add(name, `${json}: "${name}"`, entrySentences(json, name, value));
  }
  const folder = join(dir, 'text');
  const files = await readdir(folder).catch((cause) => {
    if (isMissing(cause)) return [];
    throw new VlltrError('ERR_DATA', `${folder} cannot be read: ${(cause as Error).message}`, { cause });
  });
  for (const file of files.filter((f) => !f.startsWith('.') && /\.txt$/i.test(f)).sort()) {
    const path = join(folder, file);
    const text = await readFile(path, 'utf8').catch((cause) => {
      throw new VlltrError('ERR_DATA', `${path} cannot be read: ${(cause as Error).message}`, { cause });
    });
    add(file.slice(0, -4), path, articleSentences(text.replace(/^\ufeff/, '')));
  }
  return { sentences, sources };
}

export interface ClassTextOptions {
  /** Prompt templates with `{name}`, default CLIP's 80. */
  templates?: readonly string[];
  /** Prompts and articles as the authors' code makes them, see `authorsSentences`. */
  authorsText?: boolean;
}

/** The sentences of every class, and what of the texts is of none. */
export interface CorpusText {
  /** sentences[c]: prompts first, at least one. */
  sentences: string[][];
  /** Sentences beside the prompts. */
  own: number[];
  /** Files and entries of no class. */
  stray: string[];
}

/**
 * The text of all classes: prompts of the name, the article `wiki/desc_<index>.txt`, then what `classes.json` and
 * `text/<class>.txt` say under any name of the class.
 * @throws VlltrError ERR_DATA naming the file that cannot be read
 */
export async function corpusText(
  dir: string,
  classes: readonly ClassEntry[],
  options: ClassTextOptions = {},
): Promise<CorpusText> {
  const { templates = promptTemplates, authorsText = false } = options;
  const texts = await readClassTexts(dir);
  const wiki = await listArticles(dir, classes.length);
  const known = new Set(classes.flatMap(({ key, name, spoken }) => [key, name, spoken]));
  const stray = [...texts.sources].filter(([key]) => !known.has(key)).flatMap(([, sources]) => sources);
  const own: number[] = [];
  const sentences: string[][] = [];
  for (const [c, { key, name, spoken }] of classes.entries()) {
    const file = wiki.files[c];
    const article = file === undefined ? undefined : await readArticle(file);
    const begun = authorsText
      ? authorsSentences(spoken, article, templates)
      : classSentences(spoken, article, templates);
    const given = [...new Set([key, name, spoken])].flatMap((alias) => texts.sentences.get(alias) ?? []);
    const all = [...begun, ...given];
    const said = authorsText ? authorsSentences(spoken, undefined, templates).length : templates.length;
    own.push(all.length - said);
    sentences.push(all.length > 0 ? all : [spoken]);
  }
  return { sentences, own, stray: [...stray, ...wiki.stray] };
}
