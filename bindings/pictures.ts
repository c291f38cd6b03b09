type Bytes = Uint8Array | Uint8ClampedArray;

/** The addon's functions for pictures and their training views; what `Addon` says of arrays holds here too. */
export interface PictureAddon {
  /**
   * Fills `rgb` [height, width, 3] with a part of a JPEG, with the bits of the whole decoded, or of the picture shrunk by 2,
   * 4 or 8 as it is decoded (its size rounded down). False where another decoder is to be asked: the file is of another kind
   * or damaged, or the addon was built without a library (`info().jpeg`), and `rgb` is of no meaning.
   */
  decodeJpeg(
    data: Uint8Array,
    left: number,
    top: number,
    width: number,
    height: number,
    shrink: number,
    rgb: Uint8Array,
  ): boolean;

  /**
   * Fills `out` [toHeight, toWidth, 3] with a part of the RGB picture `pixels` [rows, stride, 3], resampled as Pillow does
   * (BICUBIC) to the bit; left to right where `mirrored`.
   */
  resamplePicture(
    pixels: Uint8Array,
    stride: number,
    left: number,
    top: number,
    width: number,
    height: number,
    toWidth: number,
    toHeight: number,
    mirrored: boolean,
    out: Bytes,
  ): void;

  /** Fills `counts` [4·256]: how often each byte is met in red, green, blue and luma of RGB `pixels` [N·3]. */
  countView(pixels: Bytes, counts: Int32Array): void;

  /** Fills `out` [N·3] with each byte of `pixels` [N·3] through its channel's table of `tables` [3·256]. */
  mapView(pixels: Bytes, tables: Bytes, out: Bytes): void;

  /**
   * Fills `out` with `pixels`, both [size, size, 3], blended with their luma, or with themselves smoothed (3×3, the centre
   * five times; the frame stays): plain + factor·(v − plain).
   */
  blendView(pixels: Bytes, size: number, smooth: boolean, factor: number, out: Bytes): void;

  /**
   * Fills `out` with `pixels`, both [size, size, 3]: each pixel from (a·x + b·y + c, d·x + e·y + f) in coordinates of pixels'
   * corners, bicubic (Pillow's of transforms); the colour `fill` [3] where that lies outside.
   */
  affineView(
    pixels: Bytes,
    size: number,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
    fill: Bytes,
    out: Bytes,
  ): void;

  /** The same for rows (columns where `down`) that move along themselves, line k by slope·(k + ½) + shift pixels. */
  slideView(pixels: Bytes, size: number, slope: number, shift: number, down: boolean, fill: Bytes, out: Bytes): void;

  /** Fills `out` [N·3] with the values of `pixels` [N·3] in their channels' tables of `tables` [3·256]. */
  normaliseView(pixels: Bytes, tables: Float32Array, out: Float32Array): void;

  /**
   * Fills a box of a normalised view [size, size, 3] with noise, value after value, two a word of Philox4x32-10 of the key:
   * radii[upper 14 bits] times the cosine, then the sine, of the angle of the next 12 (`cosines`, once around).
   */
  fillNoise(
    view: Float32Array,
    size: number,
    left: number,
    top: number,
    width: number,
    height: number,
    key0: number,
    key1: number,
    radii: Float32Array,
    cosines: Float32Array,
  ): void;
}
