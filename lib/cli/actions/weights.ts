import { check } from '../../errors.js';
import type { PaperPreset } from '../../presets/paper/index.js';

/** Which file a preset begins with and where it comes from. */
export const whereWeights = ({ name, weights }: PaperPreset): string =>
  `preset ${name} begins with CLIP's ${weights.architecture}: get ${weights.file} from ${weights.source} ` +
  `(SHA-256 ${weights.sha256}), or from github.com/openai/CLIP`;

/** A preset does not begin with the small CLIP that ships. @throws VlltrError ERR_USAGE naming the file to get */
export function checkWeights(preset: PaperPreset | undefined, from: string | undefined): void {
  check(!preset || from !== undefined, 'ERR_USAGE', () => {
    return `${whereWeights(preset!)}, and name it: --from ${preset!.weights.file}`;
  });
}
