import { join } from 'node:path';
import type { LoadedClip } from '../clip/checkpoint/index.js';
import { create } from '../clip/model.js';
import type { LongTailData } from '../data/types.js';
import { type TensorMap, tf } from '../runtime/tf.js';
import { type AccuracyReport, accuracyByShot, argMaxRows, classCounts } from './accuracy.js';
import { buildAnchors } from './anchors.js';
import { trainBaseline } from './baseline.js';
import { imageFeatures } from './features.js';
import { finetune } from './finetune.js';
import type { Anchors } from './head.js';
import type {
  AnchorChoice,
  AnchorOptions,
  BaselineOptions,
  FinetuneOptions,
  PretrainOptions,
  StageRun,
} from './options.js';
import { pretrain } from './pretrain.js';
import { baselinePredictions, chooseAlpha, lgrProbabilities, mixBranches } from './recognise.js';
import { TextBank } from './textBank.js';
import { zeroShot } from './zeroShot.js';

type Model = Pick<LoadedClip, 'config' | 'params'>;

/** A recipe: every stage's options. */
export interface Recipe {
  pretrain: PretrainOptions;
  anchors: AnchorOptions;
  finetune: FinetuneOptions;
  baseline: BaselineOptions;
}

/** A row of the table: accuracies on the test split, in percent. */
export interface ComparisonRow {
  name: string;
  accuracy: AccuracyReport;
}

/** What a seed's comparison leaves for a report. The caller disposes the models (`disposeOutcome`). */
export interface SeedOutcome {
  rows: ComparisonRow[];
  alpha: number;
  lgr: Model & { anchors: Anchors };
  baseline: Model;
}

export interface ComparisonContext {
  data: LongTailData;
  /** The small CLIP: teacher, and initial weights of everything. */
  teacher: Model;
  recipe: Recipe;
  /** Folder of this seed; each training gets a folder of its own inside. */
  run: StageRun;
  onRow?: (row: ComparisonRow) => void;
}

/** Frees what a comparison leaves. */
export function disposeOutcome(outcome: SeedOutcome): void {
  tf.dispose([outcome.lgr.params, outcome.lgr.anchors.embeddings, outcome.baseline.params]);
}

/** Rows of one seed, and what their trainings share. */
class Comparison {
  readonly rows: ComparisonRow[] = [];
  readonly bank: TextBank;
  private readonly trainCounts: Int32Array;

  constructor(private readonly context: ComparisonContext) {
    const { data, teacher } = context;
    this.bank = new TextBank(data.sentences, teacher.config.text.contextLength);
    this.trainCounts = classCounts(data.train.labels, data.classes.length);
  }

  /** The run of one training of this comparison. */
  private at(name: string): StageRun {
    const { run } = this.context;
    return {
      ...run,
      dir: join(run.dir, name),
      onProgress: (p) => run.onProgress?.({ ...p, name: p.name === name ? name : `${name}/${p.name}` }),
    };
  }

  add(name: string, predicted: ArrayLike<number>): void {
    const { data, onRow } = this.context;
    const row = { name, accuracy: accuracyByShot(predicted, data.test!.labels, this.trainCounts, data.shots) };
    this.rows.push(row);
    onRow?.(row);
  }

  /** Zero-shot accuracy of a CLIP: the class means of its texts. */
  async addTextRow(name: string, model: Model): Promise<void> {
    this.add(name, await zeroShot(model, this.bank, this.context.data.test!));
  }

  async addBaseline(name: string, options: BaselineOptions): Promise<TensorMap> {
    const { data, teacher } = this.context;
    const params = await trainBaseline(data, teacher, options, this.at(name));
    this.add(name, await baselinePredictions({ config: teacher.config, params }, data.test!));
    return params;
  }

  async stage1(name: string, start: Model, options: PretrainOptions): Promise<Model> {
    const { data, teacher } = this.context;
    return {
      config: start.config,
      params: await pretrain(data, this.bank, start, teacher, options, this.at(name)),
    };
  }

  /** AnSS and stage 2 on top of a stage-1 model; α is chosen on the validation split alone. */
  async stage2(name: string, stage1: Model, options: FinetuneOptions, choice: AnchorChoice, branches = false) {
    const { data, recipe, run } = this.context;
    const anchors = await buildAnchors(data, this.bank, stage1, { ...recipe.anchors, choice }, run.seed);
    const params = await finetune(data, stage1, anchors, options, this.at(name));
    const model = { config: stage1.config, params, anchors };
    const probabilities = async (split: 'val' | 'test') =>
      lgrProbabilities(model, await imageFeatures(model.config, params, data[split]!));
    const { alpha } = chooseAlpha(await probabilities('val'), data.val!.labels);
    const test = await probabilities('test');
    const classes = data.classes.length;
    if (branches) {
      this.add(`${name}-visual`, argMaxRows(test.visual, classes));
      this.add(`${name}-text`, argMaxRows(test.text, classes));
    }
    this.add(name, argMaxRows(mixBranches(test, alpha), classes));
    return { model, alpha };
  }
}

const dispose = (model: { params: TensorMap; anchors?: Anchors }, ...shared: TensorMap[]): void => {
  const kept = new Set(shared.flatMap((map) => Object.values(map)));
  tf.dispose(Object.values(model.params).filter((t) => !kept.has(t)));
  model.anchors?.embeddings.dispose();
};

/**
 * The paper's comparison on one seed: zero-shot, the vision-only baseline (same encoder, same initial weights, as many
 * image views as both stages together), stage 1, and both branches of stage 2; with `full` balanced softmax on both
 * sides and the ablations.
 */
export async function compare(context: ComparisonContext, full: boolean): Promise<SeedOutcome> {
  const { teacher, recipe, run } = context;
  const it = new Comparison(context);
  await it.addTextRow('zero-shot', teacher);
  const baseline = await it.addBaseline('baseline', recipe.baseline);
  const stage1 = await it.stage1('stage1', teacher, recipe.pretrain);
  await it.addTextRow('stage1', stage1);
  const { model: lgr, alpha } = await it.stage2('vl-ltr', stage1, recipe.finetune, 'anss', true);
  if (full) {
    dispose({ params: await it.addBaseline('baseline-balanced', { ...recipe.baseline, balanced: true }) });
    const balanced = await it.stage2('vl-ltr-balanced', stage1, { ...recipe.finetune, balanced: true }, 'anss');
    dispose(balanced.model, stage1.params);
    for (const [name, choice] of [
      ['random-anchors', 'random'],
      ['cut-off-anchors', 'cut-off'],
    ] as const)
      dispose((await it.stage2(name, stage1, recipe.finetune, choice)).model, stage1.params);
    dispose((await it.stage2('no-cvlp', teacher, recipe.finetune, 'anss')).model, teacher.params);
    await ablation(it, 'no-distillation', teacher, { ...recipe.pretrain, distillWeight: 0 }, recipe.finetune);
    const random = create(teacher.config, { seed: run.seed });
    await ablation(it, 'no-clip', random, { ...recipe.pretrain, distillWeight: 0 }, recipe.finetune);
    random.dispose();
  }
  dispose(stage1, lgr.params);
  return { rows: it.rows, alpha, lgr, baseline: { config: teacher.config, params: baseline } };
}

/** Both stages from another start or with another stage 1. */
async function ablation(
  it: Comparison,
  name: string,
  start: Model,
  stage1Options: PretrainOptions,
  options: FinetuneOptions,
): Promise<void> {
  const stage1 = await it.stage1(`${name}-stage1`, start, stage1Options);
  dispose((await it.stage2(name, stage1, options, 'anss')).model, stage1.params);
  dispose(stage1);
}
