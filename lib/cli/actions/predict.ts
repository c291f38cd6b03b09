import process from 'node:process';
import { decodeSquare } from '../../data/decode.js';
import type { ImageSource } from '../../data/types.js';
import { check } from '../../errors.js';
import type { Guess } from '../../report/types.js';
import { ready } from '../../runtime/ready.js';
import { anchorsOf, guesses, recognise } from '../../stages/inspect.js';
import { explain, type SentenceShare } from '../../stages/recognise.js';
import { evalResize } from '../../training/cleanView.js';
import { bold, dim, print, red, say } from '../terminal.js';
import { openClassifier } from './models.js';

/** The options of the command line. */
export interface PredictCommand {
  run: string;
  top: number;
  explain?: boolean;
  json?: boolean;
}

/** What is said of one picture: its classes, or why it cannot be read. */
interface Prediction {
  image: string;
  error?: string;
  guesses?: Guess[];
  /** Of the best class: its text logit z^T and the exact share of every anchor sentence in it. */
  explanation?: { class: string; logit: number; sentences: SentenceShare[] };
}

/** Sentences shown to people; --json has them all. */
const SENTENCES_SHOWN = 5;

/** Pictures decoded as evaluation decodes them. */
function memorySource(pictures: Uint8Array[], names: string[], size: number): ImageSource {
  const bytes = size * size * 3;
  return {
    length: pictures.length,
    size,
    labels: new Int32Array(pictures.length),
    id: (i) => names[i]!,
    async read(indices) {
      const out = new Uint8Array(indices.length * bytes);
      for (let k = 0; k < indices.length; k++) out.set(pictures[indices[k]!]!, k * bytes);
      return out;
    },
  };
}

/** Runs `vl-ltr predict`. */
export async function run(files: string[], flags: PredictCommand): Promise<void> {
  await ready();
  const model = await openClassifier(flags.run);
  check(!flags.explain || model.info.kind === 'lgr', 'ERR_CHECKPOINT', () => {
    return `${model.path} is a vision-only baseline: it has no sentences to explain with`;
  });
  const size = evalResize(model.config.visual.imageSize);
  // One unreadable picture does not cost the others.
  const decoded = await Promise.all(
    files.map((file) =>
      decodeSquare(file, size).then(
        (pixels) => ({ file, pixels }),
        (error: Error) => ({ file, error: error.message }),
      ),
    ),
  );
  const good = decoded.flatMap((d) => ('pixels' in d ? [d] : []));
  const source = memorySource(
    good.map((d) => d.pixels),
    good.map((d) => d.file),
    size,
  );
  const seen = good.length ? await recognise(model, source) : undefined;
  const dim = model.config.embedDim;
  let row = -1;
  const predictions = decoded.map((d): Prediction => {
    if ('error' in d) return { image: d.file, error: d.error };
    row++;
    const best = guesses(model, seen!, row, flags.top);
    if (!flags.explain) return { image: d.file, guesses: best };
    const label = seen!.predicted[row]!;
    const x = seen!.features.subarray(row * dim, (row + 1) * dim);
    const why = explain({ ...model, anchors: anchorsOf(model) }, x, label);
    return { image: d.file, guesses: best, explanation: { class: model.info.classes[label]!, ...why } };
  });
  if (flags.json) print({ model: model.path, alpha: model.info.alpha, predictions });
  else print(predictions.map((p) => format(p, model.info.kind === 'lgr')).join('\n\n'));
  for (const { error } of predictions) if (error) say(`${red('error')} ${error}`);
  if (good.length < files.length) process.exitCode = 1;
}

/** Paints what goes to stdout only where that is a terminal. */
const onTerminal = (paint: (text: string) => string, text: string): string =>
  process.stdout.isTTY ? paint(text) : text;

const percent = (p: number): string => `${(100 * p).toFixed(1).padStart(5)} %`;

/** A prediction as people read it. */
function format({ image, error, guesses: best = [], explanation }: Prediction, branches: boolean): string {
  if (error) return `${image}\n  ${error}`;
  const width = Math.max(...best.map((g) => g.class.length));
  const lines = best.map((g, i) => {
    const parts = branches ? onTerminal(dim, `  visual ${percent(g.visual)}  text ${percent(g.text)}`) : '';
    const name = g.class.padEnd(width);
    return `  ${percent(g.probability)}  ${i === 0 ? onTerminal(bold, name) : name}${parts}`;
  });
  if (!explanation) return [onTerminal(bold, image), ...lines].join('\n');
  const { sentences, logit } = explanation;
  const rest = sentences.slice(SENTENCES_SHOWN);
  return [
    onTerminal(bold, image),
    ...lines,
    `  why ${explanation.class}: its text logit ${logit.toFixed(2)} is the sum of`,
    ...sentences.slice(0, SENTENCES_SHOWN).map((s) => `  ${s.share.toFixed(2).padStart(7)}  ${s.sentence}`),
    ...(rest.length
      ? [
          `  ${rest
            .reduce((sum, s) => sum + s.share, 0)
            .toFixed(2)
            .padStart(7)}  (${rest.length} more sentences)`,
        ]
      : []),
  ].join('\n');
}
