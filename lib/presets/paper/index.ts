import { check } from '../../errors.js';
import { suggestion } from '../../near.js';
import { IMAGENET_LT } from './imagenetLt.js';
import { INATURALIST } from './inaturalist.js';
import { PLACES_LT } from './placesLt.js';
import type { PaperPreset } from './types.js';

export type { Difference, PaperPreset, Weights } from './types.js';

/** The paper's runs (Tian et al., ECCV 2022, and the authors' released configurations). */
export const PAPER_PRESETS: readonly PaperPreset[] = [...IMAGENET_LT, ...PLACES_LT, ...INATURALIST];

/** @throws VlltrError ERR_USAGE naming presets that may be meant */
export function paperPreset(name: string): PaperPreset {
  const names = PAPER_PRESETS.map((preset) => preset.name);
  const found = PAPER_PRESETS.find((preset) => preset.name === name);
  check(found, 'ERR_USAGE', () => `no preset is named '${name}'; ${suggestion(name, names)}`);
  return found;
}
