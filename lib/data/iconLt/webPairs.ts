import { cached, type Entry, hashOf, type OnProgress, type PictureWriter, pixelHash } from './cache.js';
import { DRAWING, drawIcons } from './draw.js';
import { type Icon, type IconPackage, readHalf } from './sets.js';
import { classConcepts, PRESETS } from './split.js';
import { captions, type Glossary } from './text.js';

/** What the cache keeps of the web half's names. */
export interface WebIndex {
  readonly picturesKey: string;
  readonly ids: string[];
  /** Distinct lists of captions, and which of them each picture has. */
  readonly captions: string[][];
  readonly captionSet: number[];
  /** Concept number of each picture. */
  readonly keys: number[];
}

/** Which icons were kept, and what other icons are drawn exactly alike: [row kept, id]. */
export interface WebPictures {
  readonly ids: string[];
  readonly same: [number, string][];
  readonly passedOver: { readonly bad: number; readonly inLongTail: number };
}

/** Icons of the other half that any preset may use. */
function longTailCandidates(icons: IconPackage): Icon[] {
  const teams = Math.min(...Object.values(PRESETS).map((p) => p.test + p.val + 1));
  return classConcepts(readHalf(icons, 'lt'), teams).flatMap((c) => c.teams.flat());
}

/** Captions longer than this are left out, and concepts that fewer design teams draw: one team's private terms are noise. */
export const CAPTION_WORDS = 5;
export const CONCEPT_TEAMS = 2;

/** Icons of the web half that show what several teams draw, under a short name. */
export function sharedConcepts(icons: readonly Icon[]): Icon[] {
  const teams = new Map<string, Set<string>>();
  for (const icon of icons) teams.set(icon.concept, (teams.get(icon.concept) ?? new Set<string>()).add(icon.team));
  return icons.filter((icon) => {
    return icon.name.split(' ').length <= CAPTION_WORDS && teams.get(icon.concept)!.size >= CONCEPT_TEAMS;
  });
}

/**
 * Draws the web half. A picture equal, pixel by pixel, to one that Icon-LT may hold is left out (a few simple shapes are drawn
 * alike by many teams); pictures equal to one another are kept once.
 */
export async function drawPictures(
  web: readonly Icon[],
  other: readonly Icon[],
  writer: PictureWriter,
  onProgress?: OnProgress,
): Promise<WebPictures> {
  const total = web.length + other.length;
  const longTail = new Set<string>();
  await drawIcons(
    other,
    (pixels) => {
      if (pixels) longTail.add(pixelHash(pixels));
    },
    (done) => onProgress?.(done, total, 'drawing the web half'),
  );
  const rows = new Map<string, number>();
  const out = { ids: [] as string[], same: [] as [number, string][] };
  const passedOver = { bad: 0, inLongTail: 0 };
  await drawIcons(
    web,
    async (pixels, i) => {
      const id = web[i]!.id;
      const hash = pixels && pixelHash(pixels);
      if (!pixels || !hash) passedOver.bad++;
      else if (longTail.has(hash)) passedOver.inLongTail++;
      else if (rows.has(hash)) out.same.push([rows.get(hash)!, id]);
      else {
        rows.set(hash, out.ids.length);
        out.ids.push(id);
        writer.add(pixels);
        if (writer.pending > 1 << 24) await writer.flush();
      }
    },
    (done) => onProgress?.(other.length + done, total, 'drawing the web half'),
  );
  return { ...out, passedOver };
}

/** Captions and concepts of the pictures that were kept. */
export function captionPictures(
  web: readonly Icon[],
  kept: WebPictures,
  picturesKey: string,
  words: Glossary,
): WebIndex {
  const byId = new Map(web.map((icon) => [icon.id, icon]));
  const otherNames = new Map<number, Set<string>>();
  for (const [row, id] of kept.same) {
    const known = otherNames.get(row) ?? new Set<string>();
    known.add(byId.get(id)!.name);
    otherNames.set(row, known);
  }
  // The commonest names of a concept serve as captions of all its pictures.
  const names = new Map<string, Map<string, number>>();
  for (const icon of web) {
    const counts = names.get(icon.concept) ?? new Map<string, number>();
    counts.set(icon.name, (counts.get(icon.name) ?? 0) + 1);
    names.set(icon.concept, counts);
  }
  const common = new Map<string, string[]>();
  for (const [concept, counts] of names) {
    const sorted = [...counts].filter(([, n]) => n >= 10).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    common.set(
      concept,
      sorted.slice(0, 3).map(([name]) => name),
    );
  }
  const sets = new Map<string, number>();
  const lists: string[][] = [];
  const concepts = new Map<string, number>();
  const captionSet: number[] = [];
  const keys: number[] = [];
  for (const [row, id] of kept.ids.entries()) {
    const icon = byId.get(id)!;
    const others = new Set([...icon.aliases, ...(otherNames.get(row) ?? []), ...common.get(icon.concept)!]);
    others.delete(icon.name);
    const key = JSON.stringify([icon.name, ...others, icon.categories]);
    let set = sets.get(key);
    if (set === undefined) {
      set = lists.push(captions(icon.name, [...others], icon.categories, words)) - 1;
      sets.set(key, set);
    }
    captionSet.push(set);
    if (!concepts.has(icon.concept)) concepts.set(icon.concept, concepts.size);
    keys.push(concepts.get(icon.concept)!);
  }
  return { picturesKey, ids: [...kept.ids], captions: lists, captionSet, keys };
}

/**
 * The web half, drawn when the cache lacks it. Pictures are keyed by the icons that make them, names by `key`, so that another
 * caption draws nothing anew.
 */
export async function openWeb(
  icons: IconPackage,
  root: string,
  key: string,
  words: () => Glossary,
  onProgress?: OnProgress,
): Promise<Entry<WebIndex>> {
  const pictures = async (known?: string): Promise<Entry<WebPictures> & { key: string; web: Icon[] | undefined }> => {
    let read: { web: Icon[]; other: Icon[] } | undefined;
    const lists = () => (read ??= { web: sharedConcepts(readHalf(icons, 'web')), other: longTailCandidates(icons) });
    const ids = (all: readonly Icon[]): string[] => all.map((icon) => icon.id);
    const own = known ?? hashOf([icons.version, DRAWING, ids(lists().web), ids(lists().other)]);
    const entry = await cached<WebPictures>(root, 'web-pictures', own, (writer) =>
      drawPictures(lists().web, lists().other, writer, onProgress),
    );
    return { ...entry, key: own, web: read?.web };
  };
  let fresh: Awaited<ReturnType<typeof pictures>> | undefined;
  const index = await cached<WebIndex>(root, 'web', key, async () => {
    fresh = await pictures();
    return captionPictures(fresh.web!, fresh.data, fresh.key, words());
  });
  fresh ??= await pictures(index.data.picturesKey);
  return { data: index.data, pictures: fresh.pictures };
}
