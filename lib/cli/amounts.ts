/** Below this share of a unit the next smaller one is said. */
const SMALL = 0.1;

/** Bytes as people read them. */
export function gigabytes(bytes: number): string {
  const size = bytes / 2 ** 30;
  return size < SMALL ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${size.toFixed(1)} GiB`;
}

const OPERATIONS = ['GFLOP', 'TFLOP', 'PFLOP'] as const;

/** Operations as people read them. @param most the largest unit that is used */
export function operations(flop: number, most: (typeof OPERATIONS)[number]): string {
  let unit = OPERATIONS.indexOf(most);
  while (unit > 0 && flop / 1000 ** (unit + 3) < SMALL) unit--;
  return `${(flop / 1000 ** (unit + 3)).toFixed(2)} ${OPERATIONS[unit]}`;
}
