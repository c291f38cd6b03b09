/** Where set-up says what it does: one line at a time, never on stdout. */
export type Log = (line: string) => void;

/** Writes lines to stderr. */
export const logToStderr: Log = (line) => void process.stderr.write(`${line}\n`);

/** Bytes as MB or GB, decimal. */
export function formatBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/**
 * Shows how far a transfer is, on stderr: on a terminal one line that is rewritten, with rate and time left; elsewhere a
 * plain line every ten seconds. `total` 0 means unknown.
 */
export class TransferProgress {
  readonly #start = Date.now();
  readonly #terminal = Boolean(process.stderr.isTTY);
  #last = 0;
  #shown = false;

  constructor(
    private readonly label: string,
    private readonly total: number,
    private readonly log: Log = logToStderr,
  ) {
    this.#last = this.#terminal ? 0 : this.#start;
  }

  update(done: number): void {
    const now = Date.now();
    if (now - this.#last < (this.#terminal ? 200 : 10_000)) return;
    this.#last = now;
    const rate = done / Math.max(0.001, (now - this.#start) / 1000);
    const share = this.total > 0 ? ` of ${formatBytes(this.total)} (${Math.floor((100 * done) / this.total)} %)` : '';
    const left = this.total > done && rate > 0 ? `, ${Math.ceil((this.total - done) / rate)} s left` : '';
    const line = `${this.label}: ${formatBytes(done)}${share}, ${formatBytes(rate)}/s${left}`;
    if (this.#terminal) {
      // A line that wraps could not be rewritten.
      process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
      this.#shown = true;
    } else {
      this.log(line);
    }
  }

  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }
}
