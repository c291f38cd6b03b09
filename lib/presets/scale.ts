import type { Recipe } from '../stages/comparison.js';
import type { TrainOptions } from '../stages/options.js';

/** The same recipe with `factor` times the updates, warm-up in proportion; the equality of image views is kept. */
export function scaleRecipe(recipe: Recipe, factor: number): Recipe {
  if (factor === 1) return recipe;
  const scale = <T extends TrainOptions>(options: T): T => ({
    ...options,
    steps: Math.max(1, Math.round(options.steps * factor)),
    warmupSteps: Math.round(options.warmupSteps * factor),
  });
  const pretrain = scale(recipe.pretrain);
  const finetune = scale(recipe.finetune);
  const baseline = scale(recipe.baseline);
  const views = pretrain.steps * pretrain.batch + finetune.steps * finetune.batch;
  return { ...recipe, pretrain, finetune, baseline: { ...baseline, steps: Math.round(views / baseline.batch) } };
}
