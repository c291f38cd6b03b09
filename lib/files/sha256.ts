import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** SHA-256 over a file's bytes, which may be gone on with. */
export async function hashFile(path: string): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash;
}

/** SHA-256 of a file, hexadecimal. */
export const sha256File = async (path: string): Promise<string> => (await hashFile(path)).digest('hex');
