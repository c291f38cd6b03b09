/** Bytes that JavaScript and its buffers hold, garbage included. */
function held(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/** Bytes that `use` allocates: a collection meanwhile makes them fewer, garbage of before does not make them more. */
export async function allocated(use: () => Promise<void>): Promise<number> {
  const before = held();
  await use();
  return held() - before;
}

/**
 * Bytes by which this process grows in a round, the median of five equal ones: a leak grows in each, while an allocator
 * takes more or gives back now and then.
 */
export function growth(round: () => void): number {
  const resident = (): number => {
    gc!();
    return process.memoryUsage.rss();
  };
  const sizes = [resident()];
  for (let n = 0; n < 5; n++) {
    round();
    sizes.push(resident());
  }
  const grown = sizes.slice(1).map((size, n) => size - sizes[n]!);
  return grown.sort((a, b) => a - b)[2]!;
}
