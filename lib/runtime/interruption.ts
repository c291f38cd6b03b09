const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const cleanups = new Set<() => void>();

/**
 * Has `cleanup` run if a signal ends this process, newest first. A process with a handler of its own for the signal
 * goes on, so there nothing is cleaned.
 * @returns takes it back
 */
export function onInterruption(cleanup: () => void): () => void {
  if (cleanups.size === 0) for (const signal of SIGNALS) process.on(signal, interrupt);
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
    if (cleanups.size === 0) for (const signal of SIGNALS) process.off(signal, interrupt);
  };
}

function interrupt(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  for (const cleanup of [...cleanups].reverse()) {
    try {
      cleanup();
    } catch {} // the process ends all the same
  }
  process.off(signal, interrupt);
  process.kill(process.pid, signal); // and now what it does by default
}
