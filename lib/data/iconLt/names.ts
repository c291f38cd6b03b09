import { IRREGULAR_PLURALS, NOT_PLURAL, SYNONYM_NAMES, SYNONYM_WORDS } from './synonyms.js';
import { AMBIGUOUS, BRAND_WORDS, DROPPED_WORDS, STYLE_WORDS, WEAK_STYLE_WORDS } from './tables.js';

/** Splits an icon's file name into lower-case words without sizes and version numbers; at most 8. */
export function words(name: string): string[] {
  const parts = name
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.replace(/^([a-z]{3,})\d+$/, '$1'))
    .filter((word) => !/^\d+(x\d*|px)?$/.test(word));
  return parts.filter((word, i) => word !== parts[i - 1]).slice(0, 8);
}

/** How one set decorates its names: declared affixes, words it uses as style suffixes, a first word all names share. */
export interface NameStyle {
  readonly suffixes: readonly string[];
  readonly prefixes: readonly string[];
  readonly styleWords: ReadonlySet<string>;
  readonly sharedFirst?: string;
}

const longestFirst = (a: string, b: string): number => b.length - a.length || (a < b ? -1 : 1);

/**
 * Learns a set's style from all its names. A weak style word ("line", "bold" …) counts as style where at least 8 names end
 * in it and at least half of these have a twin in the set that differs only in its last word's style: `sun-bold` beside
 * `sun`, but not `chart-line`.
 */
export function learnStyle(
  names: readonly string[],
  suffixes: readonly string[],
  prefixes: readonly string[],
): NameStyle {
  const all = names.map(words);
  const have = new Map<string, number>();
  const stem = (w: readonly string[]): string => {
    let n = w.length;
    while (n > 1 && (STYLE_WORDS.has(w[n - 1]!) || WEAK_STYLE_WORDS.has(w[n - 1]!))) n--;
    return w.slice(0, n).join(' ');
  };
  for (const w of all) have.set(stem(w), (have.get(stem(w)) ?? 0) + 1);
  const ends = new Map<string, [number, number]>();
  const firsts = new Map<string, number>();
  for (const w of all) {
    if (w.length > 1) firsts.set(w[0]!, (firsts.get(w[0]!) ?? 0) + 1);
    const last = w.at(-1);
    if (w.length < 2 || !last || !WEAK_STYLE_WORDS.has(last)) continue;
    const count = ends.get(last) ?? [0, 0];
    count[0]++;
    if ((have.get(stem(w)) ?? 0) > 1) count[1]++;
    ends.set(last, count);
  }
  const styleWords = new Set<string>();
  for (const [word, [n, twins]] of ends) if (n >= 8 && twins >= n / 2) styleWords.add(word);
  let sharedFirst: string | undefined;
  for (const [word, n] of firsts) if (all.length >= 30 && n > all.length / 2) sharedFirst = word;
  return {
    suffixes: suffixes.filter((s) => s !== '').sort(longestFirst),
    prefixes: prefixes.filter((s) => s !== '').sort(longestFirst),
    styleWords,
    sharedFirst,
  };
}

/** An icon's name without the set's decoration, as words: `20-filled`, `outline-`, `arrow-left-2` … ; empty when nothing is left. */
export function cleanName(name: string, style: NameStyle): string[] {
  let bare = name;
  const suffix = style.suffixes.find((s) => bare.endsWith(`-${s}`));
  if (suffix) bare = bare.slice(0, -suffix.length - 1);
  const prefix = style.prefixes.find((s) => bare.startsWith(`${s}-`));
  if (prefix) bare = bare.slice(prefix.length + 1);
  const w = words(bare);
  if (w.length > 1 && w[0] === style.sharedFirst) w.shift();
  const formats = (word: string | undefined): boolean => word === 'text' || word === 'format' || word === 'font';
  while (w.length > 1) {
    const last = w.at(-1)!;
    if (!STYLE_WORDS.has(last) && !style.styleWords.has(last)) break;
    if ((last === 'bold' || last === 'color') && formats(w.at(-2))) break;
    w.pop();
  }
  return w.some((word) => DROPPED_WORDS.has(word)) || w.join('').length < 2 ? [] : w;
}

/** Singular of an English noun by rule; a word that is none comes back unchanged. */
export function singular(word: string): string {
  const irregular = IRREGULAR_PLURALS.get(word);
  if (irregular !== undefined) return irregular;
  if (word.length < 4 || !word.endsWith('s') || NOT_PLURAL.has(word) || /(ss|us|is)$/.test(word)) return word;
  if (/[^aeiou]ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (/(x|ch|sh|ss|zz)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}

/** What the picture shows, whatever it is called: synonyms and plurals merged. Equal keys are one concept. */
export function conceptOf(name: readonly string[]): string {
  const raw = name.join(' ');
  if (AMBIGUOUS.has(raw)) return raw;
  const whole = SYNONYM_NAMES.get(raw) ?? raw;
  const merged = whole
    .split(' ')
    .map((word) => {
      const one = singular(word);
      return SYNONYM_WORDS.get(word) ?? SYNONYM_WORDS.get(one) ?? one;
    })
    .filter((word, i, all) => word !== all[i - 1]) // "file document"
    .join(' ');
  return SYNONYM_NAMES.get(merged) ?? merged;
}

/** Whether a concept may be a class of Icon-LT: one clear picture, no brand, no name that several pictures share. */
export function isClassName(concept: string): boolean {
  return concept.length > 2 && !AMBIGUOUS.has(concept) && !concept.split(' ').some((word) => BRAND_WORDS.has(word));
}
