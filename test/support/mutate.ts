import type { Random } from '../../lib/random.js';

const LENGTHS = [0, 1, 0x7f, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/**
 * One to four changes of the kinds that break parsers: bits flipped, bytes and 32-bit lengths replaced, parts cut out,
 * repeated or moved, numbers in text grown, the end cut off. They fall within [from, to) of the bytes.
 */
export function mutated(original: Buffer, draw: Random, from = 0, to = original.length): Buffer {
  let bytes: Buffer = Buffer.from(original);
  const changes = 1 + draw.int(4);
  for (let i = 0; i < changes && bytes.length > 8; i++) bytes = change(bytes, draw, from, Math.min(to, bytes.length));
  return bytes;
}

function change(bytes: Buffer, draw: Random, from: number, to: number): Buffer {
  const at = Math.min(bytes.length - 1, from + draw.int(Math.max(1, to - from)));
  const length = 1 + draw.int(Math.min(64, bytes.length - at));
  switch (draw.int(8)) {
    case 0:
      bytes[at]! ^= 1 << draw.int(8);
      return bytes;
    case 1:
      bytes[at] = draw.int(256);
      return bytes;
    case 2:
      if (at + 4 <= bytes.length) bytes.writeUInt32LE(LENGTHS[draw.int(LENGTHS.length)]!, at);
      return bytes;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 4: {
      const part = bytes.subarray(at, at + length);
      return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
    }
    case 5: {
      const other = Math.min(bytes.length - length, from + draw.int(Math.max(1, to - from)));
      bytes.copyWithin(at, Math.max(0, other), Math.max(0, other) + length);
      return bytes;
    }
    case 6:
      return grownNumber(bytes, at, draw);
    default:
      return bytes.subarray(0, draw.int(4) ? Math.max(8, bytes.length - 1 - draw.int(64)) : at);
  }
}

/** The next decimal number of a text replaced by another. */
function grownNumber(bytes: Buffer, at: number, draw: Random): Buffer {
  const text = bytes.toString('latin1', at, at + 200);
  const found = /\d+/.exec(text);
  if (!found) return bytes;
  const begin = at + found.index;
  const numbers = ['0', '-1', '1e9', '4294967296', '9007199254740993', '1e309', 'null', '"x"', '[]', '{}'];
  const other = Buffer.from(numbers[draw.int(numbers.length)]!);
  return Buffer.concat([bytes.subarray(0, begin), other, bytes.subarray(begin + found[0].length)]);
}
