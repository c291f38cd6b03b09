import { check, VlltrError } from '../errors.js';
import { readSafetensors, writeSafetensors } from '../files/safetensors.js';
import type { TensorMap } from '../runtime/tf.js';
import type { ClipConfig } from './config.js';
import { fromFile, toFile } from './layout.js';

/** A model read from a file: parameters and buffers in memory layout, its configuration, the rest of the metadata. */
export interface LoadedClip {
  config: ClipConfig;
  params: TensorMap;
  metadata: Record<string, string>;
}

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
    metadata: { ...options.metadata, format: 'vl-ltr-clip', config: JSON.stringify(config) },
  });
}

/** Reads what `saveClip` wrote. The caller disposes the tensors. @throws VlltrError ERR_CHECKPOINT */
export async function loadClip(path: string): Promise<LoadedClip> {
  const file = await readSafetensors(path);
  const text = file.metadata.config;
  check(
    text && file.metadata.format === 'vl-ltr-clip',
    'ERR_CHECKPOINT',
    () => `${path} has no model configuration in its metadata; expected a file written by vl-ltr`,
  );
  let config: ClipConfig;
  try {
    config = JSON.parse(text) as ClipConfig;
  } catch (cause) {
    throw new VlltrError('ERR_CHECKPOINT', `${path}: its model configuration is no JSON`, { cause });
  }
  return { config, params: fromFile(config, file.tensors), metadata: file.metadata };
}
