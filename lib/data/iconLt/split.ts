import { check } from '../../errors.js';
import { random, shuffled } from '../../random.js';
import { isClassName } from './names.js';
import type { Icon } from './sets.js';

/** A size of Icon-LT. */
export interface Preset {
  readonly classes: number;
  /** Pictures a class in the test and validation splits, each from a design team of its own. */
  readonly test: number;
  readonly val: number;
  /** Training pictures of the largest class aimed at, and the steepness of the tail. */
  readonly peak: number;
  readonly power: number;
}

/**
 * The presets by number of classes. The r-th class of C gets peak·(1 − r/C)^power training pictures, at least 2: a truncated
 * Pareto as in ImageNet-LT. At 300 classes half of them have at most 10 pictures and two fifths have 2 to 5. 12 is for tests.
 */
export const PRESETS: Readonly<Record<number, Preset>> = {
  12: { classes: 12, test: 6, val: 3, peak: 40, power: 3 },
  100: { classes: 100, test: 8, val: 4, peak: 140, power: 3.8 },
  300: { classes: 300, test: 6, val: 4, peak: 140, power: 3.8 },
  1000: { classes: 1000, test: 2, val: 1, peak: 140, power: 3.8 },
};

/** Seed of the choice of classes and pictures; part of Icon-LT's definition. */
export const CHOICE_SEED = 11;

/** The icons of one concept by design team, both in a fixed random order. */
export interface Concept {
  readonly concept: string;
  readonly teams: readonly (readonly Icon[])[];
}

/** Concepts that may be classes, with at least `minTeams` teams; independent of the order of `icons`. */
export function classConcepts(icons: readonly Icon[], minTeams: number): Concept[] {
  const byConcept = new Map<string, Map<string, Icon[]>>();
  for (const icon of icons) {
    if (!isClassName(icon.concept)) continue;
    const teams = byConcept.get(icon.concept) ?? new Map<string, Icon[]>();
    byConcept.set(icon.concept, teams);
    const own = teams.get(icon.team);
    if (own) own.push(icon);
    else teams.set(icon.team, [icon]);
  }
  const out: Concept[] = [];
  for (const [concept, teams] of [...byConcept].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    if (teams.size < minTeams) continue;
    const draw = random(CHOICE_SEED, `concept:${concept}`);
    const sorted = [...teams].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const order = sorted.map(([, own]) => [...own].sort((a, b) => (a.id < b.id ? -1 : 1)));
    out.push({ concept, teams: shuffled(order, draw).map((own) => shuffled(own, draw)) });
  }
  return out;
}

/** A class and how many training pictures it is to have. */
export interface PlannedClass extends Concept {
  readonly count: number;
}

/** Training pictures of class `rank` (0 the largest). */
export function wantedCount(rank: number, preset: Preset): number {
  return Math.max(2, Math.round(preset.peak * (1 - rank / preset.classes) ** preset.power));
}

/**
 * Chooses the classes and their training counts: classes at random among those that can fill the test and validation splits
 * and two training pictures; then, from the largest count down, a random class that has as many pictures.
 */
export function planClasses(icons: readonly Icon[], preset: Preset): PlannedClass[] {
  const held = preset.test + preset.val;
  const spare = (c: Concept): number => c.teams.slice(held).reduce((n, own) => n + own.length, 0);
  const fit = classConcepts(icons, held + 1).filter((c) => spare(c) >= 2);
  check(fit.length >= preset.classes, 'ERR_DATA', () => {
    return `Icon-LT with ${preset.classes} classes: only ${fit.length} concepts have pictures by ${held + 1} design teams`;
  });
  const draw = random(CHOICE_SEED, `classes:${preset.classes}`);
  let left = shuffled(fit, draw).slice(0, preset.classes);
  const plan: PlannedClass[] = [];
  for (let rank = 0; rank < preset.classes; rank++) {
    const want = wantedCount(rank, preset);
    const able = left.filter((c) => spare(c) >= want);
    const most = Math.max(...left.map(spare));
    const chosen = able.length > 0 ? able[draw.int(able.length)]! : left.find((c) => spare(c) === most)!;
    left = left.filter((c) => c !== chosen);
    plan.push({ ...chosen, count: Math.min(want, spare(chosen)) });
  }
  return plan.sort((a, b) => b.count - a.count || (a.concept < b.concept ? -1 : 1));
}
