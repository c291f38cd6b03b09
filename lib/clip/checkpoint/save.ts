import { writeSafetensors } from '../../files/safetensors.js';
import type { TensorMap } from '../../runtime/tf.js';
import type { ClipConfig } from '../config.js';
import { toFile } from '../layout.js';

/** The format's name in the metadata of a file that `saveClip` wrote. */
export const CLIP_FORMAT = 'vl-ltr-clip';

/**
 * Writes a CLIP model under OpenAI's parameter names and PyTorch's layouts; the configuration (activation included)
 * travels in the metadata. `dtype` 'F16' halves the file at a relative error of 5e-4.
 */
export async function saveClip(
  path: string,
  config: ClipConfig,
  params: TensorMap,
  options: { dtype?: 'F32' | 'F16'; metadata?: Record<string, string> } = {},
): Promise<void> {
  await writeSafetensors(path, await toFile(config, params), {
    dtype: options.dtype ?? 'F32',
    metadata: { ...options.metadata, format: CLIP_FORMAT, config: JSON.stringify(config) },
  });
}
