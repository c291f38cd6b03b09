const LONGEST_LINE = 4096;

/** A cursor over bytes that never leaves them. */
export class ByteCursor {
  at: number;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Buffer,
    begin: number,
    private readonly fail: (what: string) => never,
  ) {
    this.at = begin;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on by `count` bytes and tells where they begin. */
  skip(count: number): number {
    const begin = this.at;
    if (!(count <= this.bytes.length - begin)) this.fail(`it ends within what begins at byte ${begin}`);
    this.at = begin + count;
    return begin;
  }

  uint8 = (): number => this.view.getUint8(this.skip(1));
  uint16 = (): number => this.view.getUint16(this.skip(2), true);
  uint32 = (): number => this.view.getUint32(this.skip(4), true);
  int32 = (): number => this.view.getInt32(this.skip(4), true);
  /** Beyond 2^53 inexact, and then longer than anything. */
  uint64 = (): number => Number(this.view.getBigUint64(this.skip(8), true));
  /** Big-endian, as pickles have it. */
  float64 = (): number => this.view.getFloat64(this.skip(8));

  text(length: number): string {
    const begin = this.skip(length);
    return this.bytes.toString('utf8', begin, begin + length);
  }

  raw(length: number): Uint8Array {
    const begin = this.skip(length);
    return this.bytes.subarray(begin, begin + length);
  }

  /** Up to the end of the line, which is left out. */
  line(): string {
    const window = this.bytes.subarray(this.at, this.at + LONGEST_LINE);
    const end = window.indexOf(10);
    if (end < 0) this.fail(`a line begins at byte ${this.at} and does not end within ${LONGEST_LINE}`);
    const text = this.text(end);
    this.at++;
    return text;
  }

  /** A two's complement integer of so many bytes, little-endian. */
  integer(length: number): number | bigint {
    if (length > 256) this.fail(`an integer has ${length} bytes; expected at most 256`);
    let value = 0n;
    const raw = this.raw(length);
    for (let i = raw.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]!);
    return narrowed(BigInt.asIntN(8 * length, value));
  }

  /** A decimal integer on a line of its own. */
  decimal(): number | bigint {
    const text = this.line().replace(/L$/, '');
    if (!/^[+-]?\d{1,600}$/.test(text)) this.fail(`${JSON.stringify(text.slice(0, 40))} is no integer`);
    return narrowed(BigInt(text));
  }
}

const narrowed = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
