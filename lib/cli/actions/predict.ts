import { decodeSquare } from '../../data/decode.js';
import type { ImageSource, LongTailData } from '../../data/types.js';
import { check } from '../../errors.js';
import type { Guess } from '../../report/types.js';
import { ready } from '../../runtime/ready.js';
import { guesses } from '../../stages/inspect.js';
import type { SentenceShare } from '../../stages/recognise.js';
import { evalResize } from '../../training/cleanView.js';
import { type DataFlags, refuseDataFlags } from '../dataFlags.js';
import { bold, dim, onTerminal, print, red, say } from '../terminal.js';
import { inherit } from './inherit.js';
import { openData } from './openData.js';
import { predictSplit, type SplitFlags } from './predictSplit.js';
import { type AnyModel, fitClasses, heldOutOf, openAny, type Recogniser, recogniserOf } from './recogniser.js';

/** The options of the command line. */
export interface PredictCommand extends DataFlags, Omit<SplitFlags, 'split'> {
  run: string;
  data?: string;
  split?: SplitFlags['split'];
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
  const { split } = flags;
  await ready();
  const model = await openAny(flags.run);
  if (!split && flags.data === undefined && model.kind === 'classifier')
    refuseDataFlags(flags, `${model.path} knows its classes, and picture files are read as they are`);
  const data = split || flags.data !== undefined || model.kind === 'clip' ? await dataFor(model, flags) : undefined;
  const recogniser = recogniserOf(model, data);
  try {
    await predict(model, recogniser, data, files, flags);
  } finally {
    recogniser.dispose();
  }
}

async function predict(
  model: AnyModel,
  recogniser: Recogniser,
  data: LongTailData | undefined,
  files: string[],
  flags: PredictCommand,
): Promise<void> {
  const { split } = flags;
  check(!flags.explain || recogniser.branches, 'ERR_CHECKPOINT', () => {
    const what = model.kind === 'clip' ? 'a CLIP model' : 'a vision-only baseline';
    return `${model.path} is ${what}: it has no sentences to explain with`;
  });
  if (split) await predictSplit(model, recogniser, data!, { ...flags, split });
  else await predictFiles(model, recogniser, files, flags);
}

/** The data that was named, else the run's; its classes must be the model's. */
async function dataFor(model: AnyModel, flags: PredictCommand) {
  const { data: name, how } = await inherit(flags.data, flags, flags.run);
  const data = await openData(name, model.config.visual.imageSize, heldOutOf(model), how);
  fitClasses(model, data);
  return data;
}

async function predictFiles(
  model: AnyModel,
  recogniser: Recogniser,
  files: string[],
  flags: PredictCommand,
): Promise<void> {
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
  const seen = good.length ? await recogniser.recognise(source) : undefined;
  let row = -1;
  const predictions = decoded.map((d): Prediction => {
    if ('error' in d) return { image: d.file, error: d.error };
    row++;
    const best = guesses(recogniser.classes, seen!, row, flags.top);
    return { image: d.file, guesses: best, ...(flags.explain && { explanation: recogniser.explain(seen!, row) }) };
  });
  if (flags.json) print({ model: model.path, alpha: recogniser.alpha, predictions });
  else if (good.length > 0) {
    const recognised = predictions.filter(({ error }) => error === undefined);
    print(recognised.map((p) => format(p, recogniser.branches)).join('\n\n'));
  }
  for (const { error } of predictions) if (error) say(`${red('error')} ${error}`);
  if (good.length < files.length) process.exitCode = 1;
}

const percent = (p: number): string => `${(100 * p).toFixed(1).padStart(5)} %`;

/** A prediction as people read it. */
function format({ image, guesses: best = [], explanation }: Prediction, branches: boolean): string {
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
