import { once } from 'node:events';
import process from 'node:process';

/** Everything a person reads goes to stderr; stdout carries data only. */
const out = process.stderr;
const BAR = 24;
const REDRAW_MS = 100;
const PLAIN_MS = 15_000;

function colourful(): boolean {
  return Boolean(out.isTTY) && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}

const paint =
  (code: string) =>
  (text: string): string =>
    colourful() ? `\u001b[${code}m${text}\u001b[0m` : text;
export const bold = paint('1');
export const dim = paint('2');
export const red = paint('31');
export const green = paint('32');
export const yellow = paint('33');

/** Paints what goes to stdout only where that is a terminal. */
export const onTerminal = (painted: (text: string) => string, text: string): string =>
  process.stdout.isTTY ? painted(text) : text;

/** 95 → "1:35", 3723 → "1:02:03". */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.floor(s / 60);
  return minutes < 60 ? `${minutes}:${two(s % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(s % 60)}`;
}

let open = '';

/** Prints a line above any open progress bar. */
export function say(line: string): void {
  if (open) out.write('\r\u001b[K');
  out.write(`${line}\n`);
  if (open) out.write(open);
}

/** A progress bar with rate and time left on a terminal; a plain line every 15 s and at the end elsewhere. */
export class Bar {
  private started = 0;
  private drawn = 0;
  private from: number | undefined;
  private last: [number, string] = [0, ''];
  private shown: number | undefined;

  constructor(
    private readonly label: string,
    private readonly total: number,
  ) {}

  /** @param done steps done so far  @param note short text such as `loss 1.234` */
  update(done: number, note = ''): void {
    if (this.from === undefined) {
      // The clock runs from the first report: what came before it is start-up, or was done before a resume.
      this.from = done;
      this.started = Date.now();
    }
    this.last = [done, note];
    const now = Date.now();
    if (now - this.drawn < (out.isTTY ? REDRAW_MS : PLAIN_MS)) return;
    this.drawn = now;
    this.draw(done, note);
  }

  /** Draws the last state and leaves it standing. */
  end(): void {
    this.draw(...this.last);
    if (out.isTTY) out.write('\n');
    open = '';
  }

  private draw(done: number, note: string): void {
    const seconds = (Date.now() - this.started) / 1000;
    const rate = (done - (this.from ?? 0)) / seconds;
    const pace = rate > 0 && Number.isFinite(rate) ? `${rate.toFixed(rate < 10 ? 1 : 0)}/s` : '–/s';
    const left = done >= this.total ? clock(seconds) : `${clock((this.total - done) / rate)} left`;
    const share = this.total ? Math.min(1, done / this.total) : 1;
    const figures = `${done}/${this.total}  ${pace}  ${left}  ${note}`;
    if (!out.isTTY) {
      if (this.shown === done) return; // the last line stands already
      this.shown = done;
      out.write(`${this.label}  ${figures}\n`);
      return;
    }
    const full = Math.round(share * BAR);
    const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
    open = `\r\u001b[K${this.label.padEnd(14)} ${bar} ${dim(figures)}`.slice(0, (out.columns ?? 100) + 24);
    out.write(open);
  }
}

/** A bar that appears only when something reports: for work that is done once and cached. */
export function lazyBar(): { onProgress: (done: number, total: number, what: string) => void; end: () => void } {
  let bar: Bar | undefined;
  return {
    onProgress: (done, total, what) => {
      bar ??= new Bar(what, total);
      bar.update(done);
    },
    end: () => bar?.end(),
  };
}

/** A table with a ruled head, numbers to the right; for people. */
export function table(head: string[], rows: (string | number | null)[][]): string {
  const text = [head, ...rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell))))];
  const widths = head.map((_, j) => Math.max(...text.map((row) => row[j]!.length)));
  const line = (row: string[]): string =>
    row
      .map((cell, j) => (j ? cell.padStart(widths[j]!) : cell.padEnd(widths[j]!)))
      .join('  ')
      .trimEnd();
  return [line(text[0]!), widths.map((w) => '─'.repeat(w)).join('  '), ...text.slice(1).map(line)].join('\n');
}

/** A part of much data for programs: stdout. Waits where the reader is slower, so that it does not pile up in memory. */
export async function printPart(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** Data for programs: stdout. */
export function print(value: unknown): void {
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}\n`);
}
