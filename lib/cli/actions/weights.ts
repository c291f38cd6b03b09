import { check } from '../../errors.js';
import type { PaperPreset } from '../../presets/paper/index.js';

/** Which file a preset begins with and where it comes from. */
export const whereWeights = ({ name, weights }: PaperPreset): string =>
  `preset ${name} begins with CLIP's ${weights.architecture}: get ${weights.file} from ${weights.source} ` +
  `(SHA-256 ${weights.sha256}), or from github.com/openai/CLIP`;

/** What a stage of a preset begins with. */
export const whatBegins = (preset: PaperPreset, stage1: boolean): string =>
  stage1
    ? whereWeights(preset)
    : `stage 2 of preset ${preset.name} begins with a run of stage 1 (vl-ltr pretrain --preset ${preset.name})`;

/** A preset does not begin with the small CLIP that ships. @throws VlltrError ERR_USAGE naming what it begins with */
export function checkWeights(preset: PaperPreset | undefined, from: string | undefined, stage1: boolean): void {
  check(!preset || from !== undefined, 'ERR_USAGE', () => {
    return `${whatBegins(preset!, stage1)}, and name it: --from ${stage1 ? preset!.weights.file : 'DIR'}`;
  });
}
