import { check, VlltrError } from '../../errors.js';
import { readPickle } from '../pickle/machine.js';
import { ELEMENT_BYTES, type StoredTensor, sizeOf, TensorSource } from '../tensorSource.js';
import { ZipArchive, type ZipEntry } from '../zip.js';
import { stateDict } from './stateDict.js';
import { type TorchTensor, torchRules } from './tensors.js';

/** Names and shapes of the largest models, optimiser and settings included, take a few MiB. */
export const MAX_PICKLE = 32 << 20;

/** Bytes of a storage: where they begin, how many there are, and their CRC-32 where the file has one. */
export interface StorageBytes {
  begin: number;
  bytes: number;
  crc?: number;
}

/**
 * Opens what `torch.save` (PyTorch ≥ 1.6) or `torch.jit.save` wrote: a zip archive with a pickle of the names and shapes
 * and one stored file for each storage. Nothing in it is run.
 * @throws VlltrError ERR_CHECKPOINT naming what is missing, damaged or refused
 */
export async function openTorchZip(path: string): Promise<TensorSource> {
  const archive = await ZipArchive.open(path, 'ERR_CHECKPOINT');
  try {
    const entries = new Map(archive.entries.map((entry) => [entry.name, entry]));
    const pickle = archive.entries.find(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
    check(pickle, 'ERR_CHECKPOINT', () => `${path} is a zip archive without data.pkl; expected one of torch.save`);
    const folder = pickle.name.slice(0, -'data.pkl'.length);
    const order = entries.get(`${folder}byteorder`);
    const endian = order ? (await archive.read(order, 64)).toString('latin1') : 'little';
    check(endian === 'little', 'ERR_CHECKPOINT', () => `${path} has its bytes in ${endian} order; expected little`);
    const fail = failing(`${path}: ${pickle.name}`);
    const tensors = stateDict(readPickle(await archive.read(pickle, MAX_PICKLE), torchRules(fail)).value, fail);
    checkShare(path, tensors);
    const places = new Map<string, StorageBytes>();
    const stored = new Map<string, StoredTensor>();
    for (const [name, tensor] of tensors) {
      const { key } = tensor.storage;
      const entry = entries.get(`${folder}data/${key}`);
      if (!places.has(key)) places.set(key, await storageBytes(archive, entry, `${path}: ${name}`, key));
      stored.set(name, placed(`${path}: ${name}`, tensor, places.get(key)!, archive));
    }
    return new TensorSource(path, stored, [archive.file]);
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/** A few tensors may share a storage, all of them cannot: a small file would become a large model. */
export function checkShare(path: string, tensors: ReadonlyMap<string, TorchTensor>): void {
  const storages = new Map([...tensors.values()].map(({ storage }) => [storage.key, storage.length]));
  const held = [...storages.values()].reduce((a, b) => a + b, 0);
  const claimed = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  check(claimed <= 2 * held, 'ERR_CHECKPOINT', () => {
    return `${path} has tensors of ${claimed} elements in storages of ${held}; expected no more than twice as many`;
  });
}

/** Errors of a pickle. */
export const failing =
  (what: string) =>
  (reason: string): never => {
    throw new VlltrError('ERR_CHECKPOINT', `${what}: ${reason}`);
  };

async function storageBytes(
  archive: ZipArchive,
  entry: ZipEntry | undefined,
  what: string,
  key: string,
): Promise<StorageBytes> {
  check(entry, 'ERR_CHECKPOINT', () => `${what} lies in storage ${JSON.stringify(key)}, which the file lacks`);
  check(entry.method === 0, 'ERR_CHECKPOINT', () => `${what}: ${entry.name} is compressed; torch.save stores it`);
  return { begin: await archive.dataOffset(entry), bytes: entry.size, crc: entry.crc };
}

/** A tensor's bytes in the file. @throws VlltrError ERR_CHECKPOINT where its storage is not as long as it says */
export function placed(
  what: string,
  { storage, offset, shape, strides }: TorchTensor,
  { begin, bytes, crc }: StorageBytes,
  { file }: Pick<ZipArchive, 'file'>,
): StoredTensor {
  const { dtype, key, length } = storage;
  const size = ELEMENT_BYTES[dtype];
  check(length * size === bytes, 'ERR_CHECKPOINT', () => {
    return `${what} lies in storage ${key} of ${length} ${dtype} = ${length * size} bytes, which has ${bytes}`;
  });
  const whole = sizeOf(shape) === length;
  return { dtype, shape, strides, file, begin: begin + offset * size, ...(whole && crc !== undefined && { crc }) };
}
