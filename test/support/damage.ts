import { random } from '../../lib/random.js';

/** Random draws of one case. */
export class Dice {
  private readonly draw;
  constructor(stream: string, n: number) {
    this.draw = random(7, `fuzz ${stream}`, n);
  }
  int(n: number): number {
    return this.draw.int(n);
  }
  of<T>(list: readonly T[]): T {
    return list[this.int(list.length)]!;
  }
  text(signs: readonly string[], most: number): string {
    return Array.from({ length: this.int(most + 1) }, () => this.of(signs)).join('');
  }
}

/** Pieces that parsers trip over. */
const PIECES = [
  '"',
  '""',
  ',',
  ';',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '{',
  '}',
  '[',
  ']',
  ':',
  '\\',
  '..',
  '/',
  '\0',
  '\ufeff',
  '-1',
  '1e9',
  '99999999',
  'null',
  '"id":',
  'n01440764 ',
  ' 0\n',
  '\ud800',
  'é',
  ' ',
  '',
];

/** A valid file with some damage: bytes changed, pieces put in, parts cut out, doubled or lost at the end. */
export function damaged(valid: Uint8Array, dice: Dice): Uint8Array {
  let bytes = Buffer.from(valid);
  for (let n = 1 + dice.int(4); n > 0; n--) {
    const at = dice.int(bytes.length + 1);
    const to = Math.min(bytes.length, at + dice.int(40));
    const put = (...parts: Uint8Array[]) => {
      bytes = Buffer.concat([bytes.subarray(0, at), ...parts, bytes.subarray(at)]);
    };
    switch (dice.int(6)) {
      case 0:
        if (at < bytes.length) bytes[at] = dice.int(256);
        break;
      case 1:
        put(Buffer.from(dice.of(PIECES)));
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
        break;
      case 3:
        put(bytes.subarray(at, to));
        break;
      case 4:
        bytes = Buffer.from(bytes.subarray(0, at));
        break;
      default:
        if (at < bytes.length) bytes[at]! ^= 1 << dice.int(8);
    }
  }
  return bytes;
}
