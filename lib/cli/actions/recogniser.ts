import type { LoadedClip } from '../../clip/checkpoint/index.js';
import type { ClipConfig } from '../../clip/config.js';
import type { ImageSource, LongTailData } from '../../data/types.js';
import { check } from '../../errors.js';
import { classCounts } from '../../stages/accuracy.js';
import { importClassifier } from '../../stages/importClassifier.js';
import { anchorsOf, classScores, type Recognition, recognise } from '../../stages/inspect.js';
import type { Classifier } from '../../stages/modelFile.js';
import { explain, type SentenceShare } from '../../stages/recognise.js';
import { TextBank } from '../../stages/textBank.js';
import { textRecogniser } from '../../stages/textRecogniser.js';
import { say } from '../terminal.js';
import { ownFormat } from './modelKind.js';
import { anyPath } from './modelPath.js';
import { checkClasses, checkTrainedOn, openClassifier, openClip } from './models.js';

/** A model of any kind that pictures can be recognised with. */
export type AnyModel = { path: string; config: ClipConfig } & (
  | { kind: 'classifier'; classifier: Classifier /** Its classes have no names of their own. */; foreign: boolean }
  | { kind: 'clip'; clip: LoadedClip & { path: string } }
);

/**
 * Opens a run of finetune or pretrain, an imported one, or a file of any kind that is read: a classifier, the authors'
 * stage 2 as it is, or a CLIP model, which recognises by the class texts.
 */
export async function openAny(run: string): Promise<AnyModel> {
  const path = anyPath(run);
  const own = await ownFormat(path);
  if (own !== undefined && own !== 'vl-ltr-clip') {
    const classifier = await openClassifier(path);
    return { kind: 'classifier', path, config: classifier.config, classifier, foreign: false };
  }
  const authors = own === undefined ? await importClassifier(path) : undefined;
  if (authors) return { kind: 'classifier', path, config: authors.config, classifier: authors, foreign: true };
  const clip = await openClip(path);
  return { kind: 'clip', path, config: clip.config, clip };
}

/** Share of train that was held out when the model was trained. */
export const heldOutOf = (model: AnyModel): number =>
  model.kind === 'classifier' ? (model.classifier.info.holdOut ?? 0) : Number(model.clip.metadata.holdOut ?? 0);

/**
 * Refuses data of other classes; an unnamed model takes the data's names in the data's order, and one that does not know
 * them its training counts.
 */
export function fitClasses(model: AnyModel, data: LongTailData): void {
  if (model.kind === 'clip') {
    checkTrainedOn(model.clip, data);
    return;
  }
  const { info } = model.classifier;
  if (model.foreign) {
    check(info.classes.length === data.classes.length, 'ERR_DATA', () => {
      return `${model.path} was made for ${info.classes.length} classes, ${data.name} has ${data.classes.length}; expected as many`;
    });
    say(`${model.path} does not name its classes: taken in the order of ${data.name}`);
    info.classes = data.classes;
  } else checkClasses(info.classes, data, model.path);
  if (info.trainCounts.length === 0) info.trainCounts = Array.from(classCounts(data.train.labels, data.classes.length));
}

/** What recognising needs of a model, whatever its kind. */
export interface Recogniser {
  classes: readonly string[];
  /** A visual and a text branch. */
  branches: boolean;
  alpha?: number;
  recognise(images: ImageSource, indices?: ArrayLike<number>): Promise<Recognition>;
  /** Why picture `row` was taken for a class. @throws VlltrError ERR_CHECKPOINT where there are no anchors */
  explain(seen: Recognition, row: number): { class: string; logit: number; sentences: SentenceShare[] };
  /** Frees what was made once for all pictures; the model stays. */
  dispose(): void;
}

/** @param data gives a CLIP model the texts of the classes; the others know theirs */
export function recogniserOf(model: AnyModel, data: LongTailData | undefined): Recogniser {
  if (model.kind === 'clip') {
    check(data, 'ERR_INTERNAL', () => `${model.path} was opened without data to recognise by`);
    const byText = textRecogniser(model.clip, new TextBank(data.sentences, model.config.text.contextLength));
    const explainNothing = (): never => {
      check(false, 'ERR_CHECKPOINT', () => `${model.path} is a CLIP model: it has no anchor sentences to explain with`);
    };
    return { classes: data.classes, branches: false, ...byText, explain: explainNothing };
  }
  const { classifier } = model;
  const { info, config } = classifier;
  const scores = classScores(classifier);
  return {
    classes: info.classes,
    branches: info.kind === 'lgr',
    alpha: info.alpha,
    recognise: (images, indices) => recognise(classifier, images, indices, 'clean', scores),
    dispose: () => scores.dispose(),
    explain: (seen, row) => {
      const label = seen.predicted[row]!;
      const x = seen.features.subarray(row * config.embedDim, (row + 1) * config.embedDim);
      return { class: info.classes[label]!, ...explain({ ...classifier, anchors: anchorsOf(classifier) }, x, label) };
    },
  };
}
