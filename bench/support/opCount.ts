import type { TensorFlowBackend } from '../../lib/runtime/tensorflow.js';
import { tf } from '../../lib/runtime/tf.js';
import { median } from './statistics.js';

/** Where the time of some work goes. Seconds. */
export interface OpAccount {
  /** Ops dispatched. */
  ops: number;
  seconds: number;
  /** Of it, spent outside of ops: JavaScript, bookkeeping of tensors. Undefined where it is not measured. */
  outside?: number;
  /** What an op of no arithmetic costs. Undefined where it is not measured. */
  dispatch?: number;
  /** The costliest ops. */
  top: { name: string; count: number; seconds: number }[];
}

const TOP = 6;

type ExecuteOp = (name: string, ...rest: unknown[]) => unknown;
type Executing = { binding: TensorFlowBackend['binding'] & { executeOp: ExecuteOp } };

/** Does the work once and accounts for its TensorFlow ops, each of which runs to its end before the call returns. */
export function accountOps(work: () => void): OpAccount {
  const backend = tf.backend() as unknown as Executing;
  const { binding } = backend;
  const byName = new Map<string, { name: string; count: number; seconds: number }>();
  const executeOp: ExecuteOp = (name, ...rest) => {
    const start = performance.now();
    try {
      return binding.executeOp(name, ...rest);
    } finally {
      const entry = byName.get(name) ?? { name, count: 0, seconds: 0 };
      entry.count++;
      entry.seconds += (performance.now() - start) / 1000;
      byName.set(name, entry);
    }
  };
  backend.binding = Object.create(binding, { executeOp: { value: executeOp } });
  const start = performance.now();
  try {
    work();
  } finally {
    backend.binding = binding;
  }
  const seconds = (performance.now() - start) / 1000;
  const entries = [...byName.values()].sort((a, b) => b.seconds - a.seconds);
  const inside = entries.reduce((sum, entry) => sum + entry.seconds, 0);
  return {
    ops: entries.reduce((sum, entry) => sum + entry.count, 0),
    seconds,
    outside: seconds - inside,
    dispatch: dispatchSeconds(),
    top: entries.slice(0, TOP),
  };
}

/** What one op costs that does next to nothing: a scalar's negation, JavaScript included. */
function dispatchSeconds(): number {
  const x = tf.scalar(1);
  const ops = 200;
  const batch = (): number => {
    const start = performance.now();
    tf.tidy(() => {
      for (let i = 0; i < ops; i++) tf.neg(x);
    });
    return (performance.now() - start) / 1000 / ops;
  };
  const seconds = median(Array.from({ length: 10 }, batch));
  x.dispose();
  return seconds;
}
