/** Conversions between float32 and the two 16-bit formats, bit for bit as IEEE 754 and bfloat16 define them. */

const word = new DataView(new ArrayBuffer(4));

/** Value of an IEEE binary16 bit pattern. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let halfTable: Float32Array | undefined;

/** Widens IEEE half floats. Exact. */
export function decodeHalf(bits: Uint16Array): Float32Array {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, i) => halfToFloat(i));
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = halfTable[bits[i]!]!;
  return out;
}

/** Rounds to IEEE half floats, to nearest, ties to even; beyond 65,504 it overflows to infinity. */
export function encodeHalf(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    word.setFloat32(0, values[i]!);
    const bits = word.getUint32(0);
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) out[i] = sign | 0x7e00;
    else if (magnitude >= 0x477ff000) out[i] = sign | 0x7c00;
    else if (magnitude < 0x38800000) {
      // Subnormal half: the value in units of 2^-24, rounded to even.
      const units = Math.abs(values[i]!) * 2 ** 24;
      const below = Math.floor(units);
      const rest = units - below;
      out[i] = sign | (rest > 0.5 || (rest === 0.5 && below & 1) ? below + 1 : below);
    } else {
      const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
      out[i] = sign | ((rounded - 0x38000000) >>> 13);
    }
  }
  return out;
}

/** Widens bfloat16 values: the upper half of a float32. Exact. */
export function decodeBfloat16(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}
