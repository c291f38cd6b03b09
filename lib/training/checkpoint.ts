import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { PARTIAL_SUFFIX } from '../files/atomic.js';
import { isMissing } from '../files/missing.js';
import { type FileTensors, readSafetensors, writeSafetensors } from '../files/safetensors.js';
import { tf } from '../runtime/tf.js';
import { firstNonFinite, leaves, mapTree, type TensorTree } from '../runtime/tree.js';

/** Leaves of a configuration under dotted keys, values as JSON. */
function flatten(value: unknown, key = ''): [string, string][] {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    return entries.flatMap(([name, v]) => flatten(v, key ? `${key}.${name}` : name));
  }
  return [[key, JSON.stringify(value) ?? 'null']];
}

const canonical = (configuration: unknown): Record<string, string> =>
  Object.fromEntries(flatten(configuration).sort(([a], [b]) => (a < b ? -1 : 1)));

/** SHA-256 of a configuration, whatever the order of its keys. */
export const configurationHash = (configuration: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(canonical(configuration)))
    .digest('hex');

/** Files of a stage's checkpoints: step → path, newest first. @throws VlltrError ERR_CHECKPOINT where the folder cannot be read */
export async function listCheckpoints(folder: string, name: string): Promise<{ step: number; path: string }[]> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (cause) {
    if (isMissing(cause)) return [];
    // Taken for empty, a run would silently start anew.
    throw new VlltrError('ERR_CHECKPOINT', `${folder} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return files
    .flatMap((file) => {
      const step = file.startsWith(`${name}-`) ? /^(\d+)\.safetensors$/.exec(file.slice(name.length + 1)) : null;
      return step ? [{ step: Number(step[1]), path: join(folder, file) }] : [];
    })
    .sort((a, b) => b.step - a.step);
}

/** Removes a stage's checkpoints but the newest `keep`, and what a killed process left half written. */
export async function pruneCheckpoints(folder: string, name: string, keep: number): Promise<void> {
  for (const { path } of (await listCheckpoints(folder, name)).slice(keep)) await rm(path, { force: true });
  for (const file of await readdir(folder).catch(() => [] as string[]))
    if (file.startsWith(`${name}-`) && file.endsWith(PARTIAL_SUFFIX)) await rm(join(folder, file), { force: true });
}

const KIND = 'vl-ltr-training-state';
const DTYPES: Record<string, 'F32' | 'I32' | 'BOOL'> = { float32: 'F32', int32: 'I32', bool: 'BOOL' };

/**
 * Writes a state atomically, with a checksum.
 * @param nameOf names element `index` of the tensor at `path` for the error
 * @throws VlltrError ERR_NOT_FINITE when the state holds NaN or Inf: such a state is never written
 */
export async function saveState(
  path: string,
  state: TensorTree,
  about: { name: string; step: number; seconds: number; configuration: unknown },
  nameOf: (path: string, index: number) => string = (at) => at,
): Promise<void> {
  const tensors: FileTensors = {};
  for (const [at, tensor] of leaves(state)) {
    const dtype = DTYPES[tensor.dtype];
    check(dtype, 'ERR_ARGUMENT', () => `state '${at}' is ${tensor.dtype}; it cannot be written to a checkpoint`);
    const data = (await tensor.data()) as Float32Array | Int32Array | Uint8Array;
    const bad = dtype === 'F32' ? firstNonFinite(data) : -1;
    check(
      bad < 0,
      'ERR_NOT_FINITE',
      () => `${about.name}: after step ${about.step} ${nameOf(at, bad)} is ${data[bad]}; no checkpoint was written`,
    );
    tensors[at] = { data, shape: tensor.shape, dtype };
  }
  await writeSafetensors(path, tensors, {
    checksum: true,
    metadata: {
      format: KIND,
      name: about.name,
      step: String(about.step),
      seconds: String(about.seconds),
      configurationHash: configurationHash(about.configuration),
      configuration: JSON.stringify(canonical(about.configuration)),
    },
  });
}

/** What a checkpoint holds besides tensors. */
export interface SavedState<S> {
  state: S;
  step: number;
  seconds: number;
  path: string;
}

/**
 * Reads a state into the shape of `template`, whose tensors stay as they are.
 * @throws VlltrError ERR_CHECKPOINT when the configuration (the differing keys are named), a tensor's name or its
 *   shape do not fit
 */
export async function loadState<S extends TensorTree>(
  path: string,
  template: S,
  configuration: unknown,
): Promise<SavedState<S>> {
  const { tensors, metadata } = await readSafetensors(path);
  check(metadata.format === KIND, 'ERR_CHECKPOINT', () => `${path} is no training checkpoint of vl-ltr`);
  if (metadata.configurationHash !== configurationHash(configuration)) {
    const [then, now] = [
      JSON.parse(metadata.configuration ?? '{}') as Record<string, string>,
      canonical(configuration),
    ];
    const keys = [...new Set([...Object.keys(then), ...Object.keys(now)])].filter((key) => then[key] !== now[key]);
    const changes = keys.map((key) => `${key}: ${then[key] ?? 'absent'} → ${now[key] ?? 'absent'}`).join(', ');
    throw new VlltrError(
      'ERR_CHECKPOINT',
      `${path} was made with another configuration (${changes}); resume with the old one or start anew`,
    );
  }
  const expected = leaves(template);
  const names = new Set(expected.map(([at]) => at));
  for (const at of Object.keys(tensors))
    check(names.has(at), 'ERR_CHECKPOINT', () => `${path} holds '${at}', which this run has not`);
  for (const [at, tensor] of expected) {
    const found = tensors[at];
    check(found, 'ERR_CHECKPOINT', () => `${path} lacks '${at}'`);
    check(
      found.shape.join() === tensor.shape.join() && found.dtype === DTYPES[tensor.dtype],
      'ERR_CHECKPOINT',
      () => `${path}: '${at}' is ${found.dtype} [${found.shape}]; expected ${tensor.dtype} [${tensor.shape}]`,
    );
  }
  const state = mapTree(template, (tensor, at) =>
    tf.tensor(tensors[at]!.data as Float32Array, tensor.shape, tensor.dtype as 'float32'),
  );
  return { state, step: Number(metadata.step), seconds: Number(metadata.seconds), path };
}

/**
 * The newest checkpoint that can be read; damaged ones are passed over with a warning. Undefined where there is none.
 * @throws VlltrError ERR_CHECKPOINT when a whole checkpoint does not fit this run
 */
export async function lastGoodState<S extends TensorTree>(
  folder: string,
  name: string,
  template: S,
  configuration: unknown,
  warn: (message: string) => void,
): Promise<SavedState<S> | undefined> {
  for (const { path } of await listCheckpoints(folder, name)) {
    try {
      await readSafetensors(path);
    } catch (error) {
      if (!(error instanceof VlltrError)) throw error;
      warn(`${error.message}; trying the checkpoint before it`);
      continue;
    }
    return loadState(path, template, configuration);
  }
  return undefined;
}
