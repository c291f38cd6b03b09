import type { FileHandle } from 'node:fs/promises';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { openFile } from './readFully.js';
import { readHeader } from './safetensors.js';
import { shown } from './shown.js';
import { type StoredTensor, TensorSource } from './tensorSource.js';

const MAX_INDEX = 8 << 20;

/** Opens a safetensors file to read its tensors one by one. @throws VlltrError ERR_CHECKPOINT */
export function openSafetensors(path: string): Promise<TensorSource> {
  return opened(path, [path]);
}

/**
 * Opens a model in several safetensors files by its index (`weight_map`: tensor → file beside the index).
 * @throws VlltrError ERR_CHECKPOINT: a file that is missing, lies elsewhere, or lacks a tensor that the index promises
 */
export async function openShards(index: string): Promise<TensorSource> {
  const map = await readIndex(index);
  const names = [...new Set(map.values())].sort();
  for (const name of names) {
    // An index may name nothing outside its own folder.
    check(/^[^/\\\0]+\.safetensors$/.test(name), 'ERR_CHECKPOINT', () => {
      return `${index} names the file ${shown(name)}; expected a .safetensors file beside it`;
    });
  }
  const source = await opened(
    index,
    names.map((name) => join(dirname(index), name)),
  );
  for (const [name, file] of map) {
    if (source.tensors.has(name)) continue;
    await source.close();
    throw new VlltrError('ERR_CHECKPOINT', `${index} promises the tensor '${name}' in ${file}, which lacks it`);
  }
  return source;
}

async function readIndex(index: string): Promise<Map<string, string>> {
  const fail = (what: string, cause?: unknown): never => {
    throw new VlltrError('ERR_CHECKPOINT', `${index} is no index of safetensors files: ${what}`, { cause });
  };
  let json: unknown;
  try {
    const { size } = await stat(index);
    if (size > MAX_INDEX) fail(`it has ${size} bytes; expected at most ${MAX_INDEX}`);
    json = JSON.parse(await readFile(index, 'utf8'));
  } catch (cause) {
    if (cause instanceof VlltrError) throw cause;
    fail((cause as Error).message, cause);
  }
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) fail('it has no weight_map');
  return new Map(
    Object.entries(map as object).map(([name, file]) => {
      if (typeof file !== 'string') fail(`tensor '${name}' is in ${shown(file)}; expected a file's name`);
      return [name, file as string];
    }),
  );
}

async function opened(path: string, paths: readonly string[]): Promise<TensorSource> {
  const files: FileHandle[] = [];
  const tensors = new Map<string, StoredTensor>();
  const metadata: Record<string, string> = {};
  try {
    for (const each of paths) {
      const file = await openFile(each);
      files.push(file);
      const header = await readHeader(file, each);
      Object.assign(metadata, header.metadata);
      for (const { name, dtype, shape, begin } of header.entries) {
        check(!tensors.has(name), 'ERR_CHECKPOINT', () => `${path} has the tensor '${name}' twice`);
        tensors.set(name, { dtype, shape, file, begin });
      }
    }
  } catch (error) {
    for (const file of files) await file.close();
    throw error;
  }
  return new TensorSource(path, tensors, files, metadata);
}
