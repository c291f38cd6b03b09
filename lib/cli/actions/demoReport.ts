import { join } from 'node:path';
import type { LongTailData } from '../../data/types.js';
import { writeReport } from '../../report/index.js';
import { classCounts } from '../../stages/accuracy.js';
import type { Recipe, SeedOutcome } from '../../stages/comparison.js';
import { inspect } from '../../stages/inspect.js';
import { type Classifier, saveClassifier } from '../../stages/modelFile.js';
import { readMetrics } from '../../training/metrics.js';
import { clock } from '../terminal.js';
import type { Summary } from './demoSummary.js';

/** Folders of a seed whose curves the report shows, and the stage inside. */
const CURVES = [
  ['baseline', 'baseline'],
  ['stage1', 'pretrain'],
  ['vl-ltr', 'finetune'],
] as const;

/** Saves the first seed's classifiers and writes `report.html` about them. */
export async function writeDemoReport(
  dir: string,
  data: LongTailData,
  summary: Summary,
  outcome: SeedOutcome,
  recipe: Recipe,
  holdOut: number,
): Promise<void> {
  const trainCounts = Array.from(classCounts(data.train.labels, data.classes.length));
  const common = { classes: data.classes, trainCounts, holdOut };
  const lgr: Classifier = {
    ...outcome.lgr,
    info: {
      ...common,
      kind: 'lgr',
      config: outcome.lgr.config,
      alpha: outcome.alpha,
      alphaChosenOn: 'val',
      sentences: outcome.lgr.anchors.sentences,
    },
  };
  const baseline: Classifier = {
    ...outcome.baseline,
    info: { ...common, kind: 'baseline', config: outcome.baseline.config },
  };
  const seedDir = join(dir, `seed-${summary.seeds[0]!.seed}`);
  await saveClassifier(join(seedDir, 'vl-ltr', 'model.safetensors'), lgr);
  await saveClassifier(join(seedDir, 'baseline', 'model.safetensors'), baseline);
  const curves = [];
  for (const [folder, stage] of CURVES)
    curves.push({ stage: folder, metrics: await readMetrics(join(seedDir, folder), stage) });
  await writeReport(join(dir, 'report.html'), {
    title: `VL-LTR on ${data.name}`,
    facts: [
      ['Data', `${data.classes.length} classes, ${data.train.length} training pictures, ${data.test!.length} for test`],
      ['Runs on', `${summary.backend} ${summary.tensorflow ?? ''}, kernels ${summary.kernels}, ${summary.device}`],
      ['Seeds', summary.seeds.map((s) => `${s.seed} (α ${s.alpha}, chosen on validation)`).join(', ')],
      ['Time', clock(summary.seconds)],
    ],
    rows: summary.results,
    rowsByClassMean: summary.resultsByClassMean,
    shots: data.shots,
    curves,
    ...(await inspect(data, lgr, baseline)),
    config: recipe,
  });
}
