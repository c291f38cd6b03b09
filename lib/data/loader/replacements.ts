import { check, VlltrError } from '../../errors.js';
import { lastingRefusal } from '../whyUnreadable.js';

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
    /** Asked before a picture counts as unreadable; throws where no picture can be read for now. */
    private readonly served: () => Promise<void> = async () => {},
  ) {}

  /** Names of the pictures that could not be read, in the order of the data set. */
  get names(): string[] {
    return [...this.found.keys(), ...this.earlier].sort((a, b) => a - b).map((i) => this.ids[i]!);
  }

  private get size(): number {
    return this.found.size + this.earlier.size;
  }

  /**
   * Counts pictures, by name, that an earlier process found. One that can be read by now no longer counts.
   * @param read as for `read`
   * @throws VlltrError ERR_DATA where there are more than `limit`
   */
  async recall(names: readonly string[], read: (index: number) => Promise<void>): Promise<void> {
    const known = new Set(names);
    for (const [i, id] of this.ids.entries()) if (known.has(id) && !this.found.has(i)) this.earlier.add(i);
    await this.checkSize(read);
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
      const fresh = await this.look(i, read);
      if (fresh === undefined) return i;
      await this.checkSize(read);
      if (fresh) this.warn(`${this.found.get(i)}; another picture of its class is taken for it`);
    }
    throw new VlltrError(
      'ERR_DATA',
      `no picture of the class of ${this.ids[index]} can be read; ${this.found.get(index)}`,
    );
  }

  /** Reads a picture and notes whether it can be; where it cannot, whether this is news. */
  private async look(index: number, read: (index: number) => Promise<void>): Promise<boolean | undefined> {
    const reason = await lastingRefusal(() => read(index), this.served);
    this.earlier.delete(index);
    if (reason === undefined) return undefined;
    const fresh = !this.found.has(index);
    this.found.set(index, reason);
    return fresh;
  }

  /** Too many are an error, those of an earlier process being looked at first: they may have been mended. */
  private async checkSize(read: (index: number) => Promise<void>): Promise<void> {
    if (this.size > this.limit) for (const i of [...this.earlier]) await this.look(i, read);
    check(this.size <= this.limit, 'ERR_DATA', () => {
      const most = this.limit === 0 ? 'expected none' : `expected at most ${this.limit}`;
      const last = [...this.found.values()].at(-1);
      return `${this.size} training picture${this.size === 1 ? '' : 's'} cannot be read, ${most}: ${last}`;
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
