import type { LongTailData } from '../../data/types.js';
import { check } from '../../errors.js';
import { plural } from '../../plural.js';
import { shortHash } from '../../runtime/paths.js';
import { fileDigest } from '../../stages/anchorFile.js';
import { guesses } from '../../stages/inspect.js';
import { Bar, printPart, say, yellow } from '../terminal.js';
import { PredictionFile } from './predictionFile.js';
import type { AnyModel, Recogniser } from './recogniser.js';

/** Pictures recognised at a time: always the same ones together, so that a resumed run gives the same bits. */
const CHUNK = 2048;
const DIGITS = 6;

/** How a split is predicted, as the command line says it. */
export interface SplitFlags {
  split: 'train' | 'val' | 'test';
  out?: string;
  top: number;
  explain?: boolean;
  resume?: boolean;
  force?: boolean;
}

const round = (p: number): number => Number(p.toFixed(DIGITS));

/** Writes what a model makes of every picture of a split: JSON lines, into a file or on stdout. */
export async function predictSplit(
  model: AnyModel,
  recogniser: Recogniser,
  data: LongTailData,
  flags: SplitFlags,
): Promise<void> {
  const { split, out, top, explain = false } = flags;
  const images = data[split];
  check(images, 'ERR_DATA', () => {
    const others = (['train', 'val', 'test'] as const).filter((name) => data[name]);
    return `${data.name} has no pictures in its ${split} split; it has ${others.join(' and ')}`;
  });
  const ids = Array.from({ length: images.length }, (_, i) => `${images.id(i)}\t${images.labels[i]}`);
  const about = {
    model: await fileDigest(model.path),
    data: data.name,
    split,
    ids: shortHash(ids),
    classes: shortHash(recogniser.classes),
    // A CLIP model recognises by them.
    ...(model.kind === 'clip' && { texts: shortHash([JSON.stringify(data.sentences)]) }),
    top,
    explain,
  };
  const file = out === undefined ? undefined : await PredictionFile.open({ ...flags, out }, about, CHUNK);
  const bar = new Bar(split, images.length);
  const unreadable = new Map<number, string>();
  const spared = images.sparing?.(unreadable) ?? images;
  let right = 0;
  for (let from = file?.done ?? 0; from < images.length; from += CHUNK) {
    const rows = Array.from({ length: Math.min(CHUNK, images.length - from) }, (_, k) => from + k);
    const seen = await recogniser.recognise(spared, rows);
    const records = rows.map((i, row) => {
      const error = unreadable.get(i);
      if (error !== undefined) return { image: images.id(i), error };
      const label = images.labels[i]!;
      if (seen.predicted[row] === label) right++;
      return {
        image: images.id(i),
        label: data.classes[label],
        predicted: recogniser.classes[seen.predicted[row]!],
        guesses: guesses(recogniser.classes, seen, row, top).map(({ class: name, probability, visual, text }) => ({
          class: name,
          probability: round(probability),
          ...(recogniser.branches && { visual: round(visual), text: round(text) }),
        })),
        ...(explain && { explanation: recogniser.explain(seen, row) }),
      };
    });
    if (file) await file.add(records);
    else await printPart(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    bar.update(from + rows.length);
  }
  bar.end();
  await file?.finish();
  const counted = images.length - (file?.done ?? 0) - unreadable.size;
  const share = counted > 0 ? `; ${((100 * right) / counted).toFixed(1)} % of ${counted} right` : '';
  const lost = (file?.unreadable ?? 0) + unreadable.size;
  say(`${out ?? `${data.name}, ${split}`}: ${images.length - lost} predictions${share}`);
  if (lost === 0) return;
  const first = unreadable.values().next().value;
  const which = first === undefined ? '' : `; the first: ${first}`;
  say(`${yellow('warning')} ${plural(lost, 'picture')} of ${images.length} cannot be read, as their lines say${which}`);
  process.exitCode = 1;
}
