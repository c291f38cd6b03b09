import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

async function read(path: string): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash;
}

/** Files that were read, each as it was then: weights are asked for by more than one digest as a run begins. */
const known = new Map<string, Promise<Hash>>();

/** SHA-256 over a file's bytes, which may be gone on with. A file that has not changed since is read once a process. */
export async function hashFile(path: string): Promise<Hash> {
  const { dev, ino, size, ctimeNs } = await stat(path, { bigint: true });
  const file = `${dev} ${ino} ${size} ${ctimeNs}`;
  let hash = known.get(file);
  if (!hash) {
    hash = read(path);
    known.set(file, hash);
    hash.catch(() => known.delete(file));
  }
  return (await hash).copy();
}

/** SHA-256 of a file, hexadecimal. */
export const sha256File = async (path: string): Promise<string> => (await hashFile(path)).digest('hex');
