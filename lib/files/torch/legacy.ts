import { check } from '../../errors.js';
import { readPickle } from '../pickle/machine.js';
import { openFile, readFully } from '../readFully.js';
import { shown } from '../shown.js';
import { ELEMENT_BYTES, type StoredTensor, TensorSource } from '../tensorSource.js';
import { checkShare, failing, MAX_PICKLE, placed, type StorageBytes } from './index.js';
import { stateDict } from './stateDict.js';
import { type TorchStorage, type TorchTensor, torchRules } from './tensors.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/**
 * Opens what `torch.save` wrote before PyTorch 1.6: pickles of a magic number, a protocol, the system, the object and
 * the storages' keys, then each storage as its length (64 bits) and its elements.
 * @throws VlltrError ERR_CHECKPOINT naming what is missing, damaged or refused
 */
export async function openTorchLegacy(path: string): Promise<TensorSource> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(Math.min(size, MAX_PICKLE));
    await readFully(file, head, 0, path);
    const fail = failing(path);
    const storages = new Map<string, TorchStorage>();
    const rules = torchRules(fail);
    const noting = {
      ...rules,
      persistent(id: unknown) {
        const storage = rules.persistent(id) as TorchStorage;
        const before = storages.get(storage.key);
        if (before && (before.dtype !== storage.dtype || before.length !== storage.length))
          fail(`storage ${storage.key} is of two kinds`);
        storages.set(storage.key, storage);
        return storage;
      },
    };
    let at = 0;
    const next = (): unknown => {
      const { value, end } = readPickle(head, noting, at);
      at = end;
      return value;
    };
    check(next() === MAGIC && next() === PROTOCOL, 'ERR_CHECKPOINT', () => `${path} was not written by torch.save`);
    const system = next();
    const little = system instanceof Map ? system.get('little_endian') : undefined;
    check(little === true, 'ERR_CHECKPOINT', () => `${path} has its bytes in big-endian order; expected little`);
    const tensors = stateDict(next(), fail);
    const keys = next();
    if (!Array.isArray(keys)) fail('it has no list of storages');
    checkShare(path, tensors);
    const places = new Map<string, StorageBytes>();
    for (const key of keys as unknown[]) {
      const storage = storages.get(key as string);
      if (!storage || places.has(storage.key)) return fail(`its list of storages names ${shown(key)} wrongly`);
      const length = Buffer.alloc(8);
      await readFully(file, length, at, path);
      const bytes = storage.length * ELEMENT_BYTES[storage.dtype];
      if (length.readBigInt64LE() !== BigInt(storage.length) || at + 8 + bytes > size)
        fail(`storage ${storage.key} has ${length.readBigInt64LE()} elements; expected ${storage.length} (cut off?)`);
      places.set(storage.key, { begin: at + 8, bytes });
      at += 8 + bytes;
    }
    const stored = new Map<string, StoredTensor>();
    for (const [name, tensor] of tensors) {
      const place = places.get(tensor.storage.key);
      if (!place) return fail(`${name} lies in storage ${tensor.storage.key}, which the file lacks`);
      stored.set(name, placed(`${path}: ${name}`, tensor as TorchTensor, place, { file }));
    }
    return new TensorSource(path, stored, [file]);
  } catch (error) {
    await file.close();
    throw error;
  }
}
