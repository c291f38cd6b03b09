import type { View } from '../training/views.js';

/** Views of pictures, and how many of the pictures were replaced because they cannot be read. */
export interface Views {
  /** Normalised, [indices.length·viewsEach, to, to, 3]. */
  values: Float32Array;
  replaced: number;
}

/** Pictures that can be read by index; all of one square size, RGB. Decoding may be lazy. */
export interface ImageSource {
  /** Number of pictures. */
  readonly length: number;
  /** Height and width in pixels of what `read` gives. */
  readonly size: number;
  /** Class index of each picture, length `length`. */
  readonly labels: Int32Array;
  /** A stable name of picture `i` (its path or icon name) for reports and messages. */
  id(i: number): string;
  /** Pixels of the named pictures, uint8 RGB, row-major [indices.length, size, size, 3]. */
  read(indices: ArrayLike<number>): Promise<Uint8Array>;
  /**
   * Makes views of `to` pixels from the files themselves, off this thread, whole photographs being cropped; what is made is a
   * function of the arguments and the files. Absent where the pictures lie in memory: views are then made of `read`.
   */
  views?(indices: ArrayLike<number>, to: number, view: View): Promise<Views>;
  /** Names of the pictures met so far that cannot be read; training replaced them. Absent where none are replaced. */
  readonly unreadable?: readonly string[];
  /**
   * Counts pictures, by name, as met by an earlier process of the same run; they are read all the same.
   * @throws VlltrError ERR_DATA where they are too many
   */
  recall?(names: readonly string[]): Promise<void>;
  /**
   * The same pictures, zeros being the views of one that cannot be read. Absent where they lie in memory.
   * @param unreadable is given why, by the picture's index
   */
  sparing?(unreadable: Map<number, string>): ImageSource;
}

/** Bounds of the shot groups by training count n. */
export interface ShotBounds {
  /** many: n > manyAbove (or ≥ manyAbove + 1). */
  manyAbove: number;
  /** few: n ≤ fewUpTo; medium lies between. */
  fewUpTo: number;
}

/** A long-tailed data set with a text for every class. */
export interface LongTailData {
  readonly name: string;
  /** Clean class names, index = label. */
  readonly classes: string[];
  /** Class text: sentences[c] are the sentences of class c, prompts first; at least one each. */
  readonly sentences: string[][];
  readonly train: ImageSource;
  readonly val?: ImageSource;
  readonly test?: ImageSource;
  readonly shots: ShotBounds;
  /** Pictures of `val` that were held out of `train`; absent where none were. */
  readonly heldOut?: number;
  /** Ends the workers that decode pictures, where there are such; a process that is done ends without it. */
  dispose?(): Promise<void>;
}

/** Picture–caption pairs without classes, for `vl-ltr clip`. */
export interface PairData {
  readonly images: ImageSource;
  /** captions[i]: the possible captions of picture i (one is drawn each time), at least one. */
  readonly captions: string[][];
  /** Sampling weight of each picture (unnormalised). */
  readonly weights: Float64Array;
  /** Pictures with equal keys show the same concept: positives of one another in a batch. */
  readonly keys: Int32Array;
}
