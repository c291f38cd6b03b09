import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VlltrError } from '../../errors.js';
import { random } from '../../random.js';
import { cleanName, conceptOf, learnStyle } from './names.js';
import { DROPPED_CATEGORIES, DROPPED_ICONS, DROPPED_SETS, KEPT_SETS, RELATED_SETS, WEB_TEAMS } from './tables.js';

/** The package the pictures come from, and the version Icon-LT is defined on. */
export const ICON_PACKAGE = '@iconify/json';
export const ICON_VERSION = '2.2.535';

/** Where the icon package lies, and its version. Looked for beside this package, then from the working folder. */
export interface IconPackage {
  readonly root: string;
  readonly version: string;
}

/**
 * Finds the icon package.
 * @param from files or folders to resolve from, in this order (default: this module, then the working folder)
 * @throws VlltrError ERR_DATA when it is not installed
 */
export function findIcons(from?: readonly string[]): IconPackage {
  const bases = from ?? [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href];
  for (const base of bases) {
    try {
      const file = createRequire(base).resolve(`${ICON_PACKAGE}/package.json`);
      return { root: dirname(file), version: (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version };
    } catch {
      // Not visible from there: the next base may see it.
    }
  }
  throw new VlltrError(
    'ERR_DATA',
    `Icon-LT is drawn from the npm package ${ICON_PACKAGE}, which is not installed (465 MB). ` +
      `Install it in your project: npm i ${ICON_PACKAGE}@${ICON_VERSION}`,
  );
}

/** What `collections.json` says of a set. */
export interface SetInfo {
  readonly name?: string;
  readonly author?: { readonly name?: string };
  readonly license?: { readonly title?: string; readonly spdx?: string; readonly url?: string };
  readonly category?: string;
  readonly tags?: readonly string[];
  readonly palette?: boolean;
}

interface IconData {
  readonly body: string;
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
  readonly hFlip?: boolean;
  readonly vFlip?: boolean;
  readonly rotate?: number;
  readonly hidden?: boolean;
}
interface AliasData extends Partial<Omit<IconData, 'body'>> {
  readonly parent: string;
}
interface SetFile {
  readonly prefix: string;
  readonly info?: SetInfo;
  readonly icons: Readonly<Record<string, IconData>>;
  readonly aliases?: Readonly<Record<string, AliasData>>;
  readonly categories?: Readonly<Record<string, readonly string[]>>;
  readonly suffixes?: Readonly<Record<string, string>>;
  readonly prefixes?: Readonly<Record<string, string>>;
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
}

/** One icon, ready to be drawn, with what its name says. */
export interface Icon {
  /** `prefix:name`. */
  readonly id: string;
  readonly team: string;
  /** Clean name, words joined by blanks. */
  readonly name: string;
  readonly concept: string;
  /** Other clean names the set gives this picture. */
  readonly aliases: readonly string[];
  /** The set's categories of this icon, lower case. */
  readonly categories: readonly string[];
  readonly body: string;
  /** left, top, width, height of the view box. */
  readonly box: readonly [number, number, number, number];
  readonly hFlip: boolean;
  readonly vFlip: boolean;
  /** Quarter turns clockwise, 0 to 3. */
  readonly rotate: number;
}

/**
 * The design team of every set: its author's name, or that of the family (`RELATED_SETS`) of which one of the author's sets is
 * a member: all sets of an author belong to one team.
 */
export function teamsOf(infos: ReadonlyMap<string, SetInfo>): Map<string, string> {
  const author = (prefix: string): string => infos.get(prefix)?.author?.name ?? prefix;
  const families = new Map<string, string>();
  for (const [team, sets] of RELATED_SETS) for (const prefix of sets.split(' ')) families.set(author(prefix), team);
  return new Map([...infos.keys()].sort().map((prefix) => [prefix, families.get(author(prefix)) ?? author(prefix)]));
}

/** Whether a set takes part at all. */
export function takesPart(prefix: string, info: SetInfo): boolean {
  if (DROPPED_SETS.has(prefix) || (info.license?.spdx ?? '').includes('-NC')) return false;
  // Drawn still, an animated icon shows its first, often empty, frame.
  if (info.tags?.includes('Contains Animations')) return false;
  return !DROPPED_CATEGORIES.has(info.category ?? '') || KEPT_SETS.has(prefix);
}

/** The sets of both halves, by design team. */
export interface Halves {
  readonly web: readonly string[];
  readonly lt: readonly string[];
  readonly teams: ReadonlyMap<string, string>;
}

/** Share of the smaller teams that goes to the web half. */
export const WEB_SHARE = 0.42;
/** Seed of the split into halves; part of Icon-LT's definition. */
export const SPLIT_SEED = 7;

/** Splits the sets into the teacher's half and the data set's half: a team's sets stay together. */
export function splitSets(infos: ReadonlyMap<string, SetInfo>): Halves {
  const teams = new Map([...teamsOf(infos)].filter(([prefix]) => takesPart(prefix, infos.get(prefix)!)));
  const side = (team: string): number => random(SPLIT_SEED, `team:${team}`).uniform();
  const ranked = [...new Set(teams.values())]
    .filter((team) => !WEB_TEAMS.has(team))
    .map((team) => [side(team), team] as const)
    .sort((a, b) => a[0] - b[0]);
  const webTeams = new Set([...WEB_TEAMS, ...ranked.slice(0, Math.round(WEB_SHARE * ranked.length)).map((t) => t[1])]);
  const half = (isWeb: boolean) => [...teams].filter(([, team]) => webTeams.has(team) === isWeb).map(([set]) => set);
  return { web: half(true), lt: half(false), teams };
}

const readJson = <T>(file: string): T => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (cause) {
    throw new VlltrError('ERR_DATA', `${file} cannot be read; reinstall ${ICON_PACKAGE}@${ICON_VERSION}`, { cause });
  }
};

/** Reads `collections.json`: the sets the package lists (five superseded ones are not). */
export function readInfos(icons: IconPackage): Map<string, SetInfo> {
  const listed = readJson<Record<string, SetInfo>>(join(icons.root, 'collections.json'));
  return new Map(Object.entries(listed));
}

/** All usable icons of one set, in the order of their names. */
export function readSet(icons: IconPackage, prefix: string, team: string): Icon[] {
  const set = readJson<SetFile>(join(icons.root, 'json', `${prefix}.json`));
  const aliases = Object.entries(set.aliases ?? {});
  const names = Object.keys(set.icons).sort();
  const style = learnStyle(names, Object.keys(set.suffixes ?? {}), Object.keys(set.prefixes ?? {}));
  const clean = (name: string): string => cleanName(name, style).join(' ');
  const otherNames = new Map<string, Set<string>>();
  const turned: [string, AliasData][] = [];
  for (const [name, alias] of aliases) {
    if (alias.hFlip || alias.vFlip || alias.rotate) turned.push([name, alias]);
    else {
      const known = otherNames.get(alias.parent) ?? new Set<string>();
      known.add(clean(name));
      otherNames.set(alias.parent, known);
    }
  }
  const categories = new Map<string, string[]>();
  for (const [category, members] of Object.entries(set.categories ?? {}))
    for (const name of members) categories.set(name, [...(categories.get(name) ?? []), category.toLowerCase()]);
  const out: Icon[] = [];
  const add = (name: string, parent: string, data: IconData, turn: Partial<AliasData>): void => {
    if (data.hidden || turn.hidden || DROPPED_ICONS.test(name)) return;
    const title = clean(name);
    if (title === '') return;
    const at = (key: 'left' | 'top' | 'width' | 'height', otherwise: number): number =>
      turn[key] ?? data[key] ?? set[key] ?? otherwise;
    out.push({
      id: `${prefix}:${name}`,
      team,
      name: title,
      concept: conceptOf(title.split(' ')),
      aliases: name === parent ? [...(otherNames.get(name) ?? [])].filter((a) => a !== '' && a !== title).sort() : [],
      categories: categories.get(parent) ?? [],
      body: data.body,
      box: [at('left', 0), at('top', 0), at('width', 16), at('height', 16)],
      hFlip: (data.hFlip ?? false) !== (turn.hFlip ?? false),
      vFlip: (data.vFlip ?? false) !== (turn.vFlip ?? false),
      rotate: ((data.rotate ?? 0) + (turn.rotate ?? 0)) % 4,
    });
  };
  for (const name of names) add(name, name, set.icons[name]!, {});
  for (const [name, alias] of turned.sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const parent = set.icons[alias.parent];
    if (parent) add(name, alias.parent, parent, alias);
  }
  return out;
}

/** All usable icons of one half, in the order of their sets and names. */
export function readHalf(icons: IconPackage, half: 'web' | 'lt'): Icon[] {
  const halves = splitSets(readInfos(icons));
  return halves[half].flatMap((prefix) => readSet(icons, prefix, halves.teams.get(prefix)!));
}
