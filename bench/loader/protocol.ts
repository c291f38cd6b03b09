/** What every participant is told first: pictures of a folder, `0.jpg` … */
export interface Prepare {
  do: 'prepare';
  folder: string;
  pictures: number;
  workers: number;
  batch: number;
  /** Height and width of a view. */
  size: number;
}

/** Loads every picture once, in batches, and says how long that took. */
export interface Run {
  do: 'run';
  epoch: number;
}

export type Request = Prepare | Run;

export interface Ran {
  seconds: number;
  /** Of the process and its workers, in seconds, where the participant can tell. */
  processor?: number;
}
