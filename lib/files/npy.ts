import { bytesOf } from '../bytes.js';
import { check } from '../errors.js';
import { writeAtomic } from './atomic.js';
import { sizeOf } from './tensorSource.js';

/**
 * Writes an array as NumPy's `np.load` reads it: format 1.0, little-endian, row-major (numpy.lib.format).
 * @throws VlltrError ERR_ARGUMENT where the shape is not that of the values
 */
export async function writeNpy(path: string, data: Float32Array | Int32Array, shape: readonly number[]): Promise<void> {
  check(data.length === sizeOf(shape), 'ERR_ARGUMENT', () => {
    return `${path}: ${data.length} values do not make an array [${shape}]`;
  });
  const type = data instanceof Float32Array ? '<f4' : '<i4';
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // Ten bytes come before the header, a line's end closes it: the values begin at a multiple of 64.
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from(`\x93NUMPY\x01\x00..${padded}`, 'latin1');
  start.writeUInt16LE(padded.length, 8);
  await writeAtomic(path, async (file) => {
    await file.writeFile(start);
    await file.writeFile(bytesOf(data));
  });
}
