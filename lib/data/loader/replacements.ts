import { check, VlltrError } from '../../errors.js';

/** Training pictures that may be unreadable where nothing else is said: 0.1 %, at least 10. */
export const mostUnreadable = (pictures: number): number => Math.max(10, Math.floor(pictures / 1000));

/**
 * Stands in for training pictures that cannot be read: the next picture of the class, in the order of the data set, that
 * can. Which one that is depends on the files alone, whatever was read before and by whom. Each such picture is named once;
 * more of them than `limit` are an error.
 */
export class Replacements {
  /** Pictures that cannot be read, by index, and why. */
  private readonly found = new Map<number, string>();
  /** Those that an earlier process of the run found and this one has not met yet. */
  private readonly earlier = new Set<number>();
  private members: Map<number, number[]> | undefined;

  constructor(
    private readonly ids: readonly string[],
    private readonly labels: ArrayLike<number>,
    private readonly limit: number,
    private readonly warn: (message: string) => void,
  ) {}

  /** Names of the pictures that could not be read, in the order of the data set. */
  get names(): string[] {
    return [...this.found.keys(), ...this.earlier].sort((a, b) => a - b).map((i) => this.ids[i]!);
  }

  /** Counts pictures, by name, that an earlier process found. One that can be read by now no longer counts. */
  recall(names: readonly string[]): void {
    const known = new Set(names);
    for (const [i, id] of this.ids.entries()) if (known.has(id) && !this.found.has(i)) this.earlier.add(i);
  }

  /**
   * Reads picture `index`, or the next of its class that can be read.
   * @param read fails with ERR_DATA where a picture cannot be read; any other error goes on to the caller
   * @returns which picture was read
   * @throws VlltrError ERR_DATA where there are more than `limit` such pictures, or a class has no other
   */
  async read(index: number, read: (index: number) => Promise<void>): Promise<number> {
    for (const i of this.following(index)) {
      if (this.found.has(i)) continue;
      try {
        await read(i);
        this.earlier.delete(i);
        return i;
      } catch (error) {
        if (!(error instanceof VlltrError) || error.code !== 'ERR_DATA') throw error;
        this.note(i, error.message);
      }
    }
    throw new VlltrError(
      'ERR_DATA',
      `no picture of the class of ${this.ids[index]} can be read; ${this.found.get(index)}`,
    );
  }

  private note(index: number, reason: string): void {
    const fresh = !this.found.has(index);
    this.found.set(index, reason);
    this.earlier.delete(index);
    const size = this.found.size + this.earlier.size;
    if (fresh && size <= this.limit) this.warn(`${reason}; another picture of its class is taken for it`);
    check(size <= this.limit, 'ERR_DATA', () => {
      const most = this.limit === 0 ? 'expected none' : `expected at most ${this.limit}`;
      return `${size} training picture${size === 1 ? '' : 's'} cannot be read, ${most}: ${reason}`;
    });
  }

  /** The picture, then those of its class that come after it, then those before. */
  private *following(index: number): Generator<number> {
    yield index;
    if (!this.members) {
      this.members = new Map();
      for (let i = 0; i < this.labels.length; i++) {
        const own = this.members.get(this.labels[i]!);
        if (own) own.push(i);
        else this.members.set(this.labels[i]!, [i]);
      }
    }
    const own = this.members.get(this.labels[index]!)!;
    const at = own.indexOf(index);
    for (let k = 1; k < own.length; k++) yield own[(at + k) % own.length]!;
  }
}
