import { type OnProgress, type PictureWriter, pixelHash } from './cache.js';
import { drawIcon, drawIcons, isBlank } from './draw.js';
import { type Icon, type IconPackage, readHalf } from './sets.js';
import { type PlannedClass, type Preset, planClasses } from './split.js';
import { classText, type Glossary } from './text.js';

/** What the cache keeps of the data set's half, one row a picture. */
export interface LongTailIndex {
  readonly classes: string[];
  readonly sentences: string[][];
  readonly ids: string[];
  readonly labels: number[];
  /** 0 training, 1 validation, 2 test. */
  readonly splits: number[];
  /** Icons passed over: cannot be drawn or blank; equal to a picture that is in already. */
  readonly passedOver: { readonly bad: number; readonly equal: number };
}

/**
 * Names of a class by how many of its pictures bear them; rare ones (below one in 25) left out. The first is what the class
 * goes by: the concept's own name where it is nearly as common as any other ("pencil" rather than "edit").
 */
export function namesOf(icons: readonly Icon[]): string[] {
  const counts = new Map<string, number>();
  for (const icon of icons) counts.set(icon.name, (counts.get(icon.name) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const names = sorted.filter(([, n], i) => i === 0 || n >= Math.max(2, icons.length / 25)).map(([name]) => name);
  const own = icons[0]?.concept ?? '';
  const common = sorted[0]?.[1] ?? 0;
  return (counts.get(own) ?? 0) >= 0.4 * common ? [own, ...names.filter((name) => name !== own)] : names;
}

/**
 * Draws Icon-LT. Test and validation take one picture of each of the first design teams of a class, training the others'
 * pictures; no two pictures of the data set are equal pixel by pixel, so none of test or validation is seen in training.
 */
export async function drawLongTail(
  icons: IconPackage,
  preset: Preset,
  writer: PictureWriter,
  words: Glossary,
  onProgress?: OnProgress,
): Promise<LongTailIndex> {
  const plan = planClasses(readHalf(icons, 'lt'), preset);
  const drawn = await drawAhead(plan, preset, onProgress);
  const pixelsOf = async (icon: Icon): Promise<Uint8Array | undefined> => {
    if (drawn.has(icon.id)) return drawn.get(icon.id);
    const pixels = await drawIcon(icon);
    return pixels && !isBlank(pixels) ? pixels : undefined;
  };

  const seen = new Set<string>();
  const rows = { ids: [] as string[], labels: [] as number[], splits: [] as number[] };
  const passedOver = { bad: 0, equal: 0 };
  const take = async (icon: Icon, label: number, split: number): Promise<boolean> => {
    const pixels = await pixelsOf(icon);
    const hash = pixels && pixelHash(pixels);
    if (!pixels || !hash) passedOver.bad++;
    else if (seen.has(hash)) passedOver.equal++;
    else {
      seen.add(hash);
      writer.add(pixels);
      rows.ids.push(icon.id);
      rows.labels.push(label);
      rows.splits.push(split);
      return true;
    }
    return false;
  };
  // All held-out pictures first: a training picture that equals one, of whatever class, is then passed over.
  const used = plan.map(() => 0);
  for (const [split, wanted] of [
    [2, preset.test],
    [1, preset.val],
  ] as const)
    for (const [label, { teams }] of plan.entries())
      for (let n = 0; n < wanted && used[label]! < teams.length - 1; used[label]!++) {
        for (const icon of teams[used[label]!]!)
          if (await take(icon, label, split)) {
            n++;
            break;
          }
      }
  for (const [label, { teams, count }] of plan.entries()) {
    let n = 0;
    for (const icon of spread(teams.slice(used[label]!))) {
      if (n === count) break;
      if (await take(icon, label, 0)) n++;
    }
  }
  const names = plan.map(({ teams }) => namesOf(teams.flat()));
  return {
    classes: names.map((all, label) => all[0] ?? plan[label]!.concept),
    sentences: names.map((all) => classText(all, words)),
    ...rows,
    passedOver,
  };
}

/** Training pictures in turn from each team, so that even two pictures come from two teams. */
export function spread<T>(teams: readonly (readonly T[])[]): T[] {
  const out: T[] = [];
  const longest = Math.max(0, ...teams.map((own) => own.length));
  for (let k = 0; k < longest; k++) for (const own of teams) if (k < own.length) out.push(own[k]!);
  return out;
}

/** Draws what is most likely needed, several at a time: the first picture of the held-out teams, and training with some to spare. */
async function drawAhead(
  plan: readonly PlannedClass[],
  preset: Preset,
  onProgress?: OnProgress,
): Promise<Map<string, Uint8Array | undefined>> {
  const held = preset.test + preset.val;
  const wanted = plan.flatMap(({ teams, count }) => [
    ...teams.slice(0, held).map((own) => own[0]!),
    ...spread(teams.slice(held)).slice(0, Math.ceil(1.1 * count) + 1),
  ]);
  const drawn = new Map<string, Uint8Array | undefined>();
  await drawIcons(
    wanted,
    (pixels, i) => {
      drawn.set(wanted[i]!.id, pixels);
    },
    (done) => onProgress?.(done, wanted.length, 'drawing Icon-LT'),
  );
  return drawn;
}
