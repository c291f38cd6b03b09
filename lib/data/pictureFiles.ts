import { check } from '../errors.js';
import { type View, viewsEach } from '../training/views.js';
import { decodeFull, decodeSquare, type PictureInput } from './decode.js';
import type { ViewPool } from './loader/pool.js';
import type { Replacements } from './loader/replacements.js';
import type { ImageSource, Views } from './types.js';
import { lastingRefusal } from './whyUnreadable.js';

/** How pictures are decoded for views. */
export interface Loading {
  pool: ViewPool;
  /** Asked before a picture counts as unreadable; throws where no picture can be read for now. */
  served: () => Promise<void>;
  /** What stands in for training pictures that cannot be read; absent: such a picture is an error. */
  replacements?: Replacements;
  /** Takes why a picture of other views cannot be read, by its index; absent: such a picture is an error. */
  unreadable?: Map<number, string>;
}

/** Pictures of files or archives, decoded when they are asked for. */
export class PictureFiles implements ImageSource {
  readonly length: number;
  readonly labels: Int32Array;

  /**
   * @param ids names of the pictures
   * @param labels class of each picture
   * @param input where the bytes of a picture are
   * @param size height and width in pixels of what `read` gives
   */
  constructor(
    private readonly ids: readonly string[],
    labels: ArrayLike<number>,
    private readonly input: (id: string) => PictureInput,
    readonly size: number,
    private readonly loading: Loading,
  ) {
    this.length = ids.length;
    this.labels = Int32Array.from(labels);
  }

  id(i: number): string {
    const id = this.ids[i];
    check(id !== undefined, 'ERR_ARGUMENT', () => `picture ${i} of ${this.length} does not exist`);
    return id;
  }

  async read(indices: ArrayLike<number>): Promise<Uint8Array> {
    const bytes = this.size * this.size * 3;
    const out = new Uint8Array(indices.length * bytes);
    await Promise.all(
      Array.from(indices, async (index, row) => {
        out.set(await decodeSquare(this.input(this.id(index)), this.size), row * bytes);
      }),
    );
    return out;
  }

  get unreadable(): readonly string[] | undefined {
    return this.loading.replacements?.names;
  }

  async recall(names: readonly string[]): Promise<void> {
    await this.loading.replacements?.recall(names, async (i) => {
      await decodeFull(this.input(this.id(i)));
    });
  }

  sparing(unreadable: Map<number, string>): PictureFiles {
    return new PictureFiles(this.ids, this.labels, this.input, this.size, { ...this.loading, unreadable });
  }

  async views(indices: ArrayLike<number>, to: number, view: View): Promise<Views> {
    const each = viewsEach(view) * to * to * 3;
    const values = new Float32Array(indices.length * each);
    const { pool, replacements, served, unreadable } = this.loading;
    const standIn = view.kind === 'train' || (view.kind === 'clean' && view.standIn);
    let replaced = 0;
    const make = (index: number, position: number): Promise<void> => {
      const out = values.subarray(position * each, (position + 1) * each);
      return pool.run({ input: this.input(this.id(index)), size: this.size, to, view, position }, out);
    };
    const spare = async (index: number, position: number): Promise<void> => {
      const reason = await lastingRefusal(() => make(index, position), served);
      if (reason !== undefined) unreadable?.set(index, reason); // what failed wrote nothing: zeros
    };
    await Promise.all(
      Array.from(indices, async (index, position) => {
        if (!standIn || !replacements) await (unreadable ? spare : make)(index, position);
        else if ((await replacements.read(index, (i) => make(i, position))) !== index) replaced++;
      }),
    );
    return { values, replaced };
  }
}
