import { fileURLToPath } from 'node:url';

/** Where in the program something was made: a stack that is read only when it is needed. */
export interface Origin {
  /** The TensorFlow.js op (`conv2d`), where one is on the stack. */
  readonly op?: string;
  /** File and line of the first caller outside TensorFlow.js and this package's runtime. */
  readonly where: string;
}

const DEPTH = 60;

/** Runs `f` while stacks are deep enough to reach through TensorFlow.js to the step. */
export function withDeepStacks<T>(f: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEPTH;
  try {
    return f();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The origin of whatever calls this. */
export function originHere(): () => Origin {
  let holder: { stack?: string } = {};
  Error.captureStackTrace(holder, originHere);
  let known: Origin | undefined;
  return () => {
    if (!known) {
      known = parse(holder.stack ?? '');
      holder = {}; // a function has thousands of ops, each with a stack of kilobytes
    }
    return known;
  };
}

const RUNTIME = fileURLToPath(new URL('..', import.meta.url));
const isInside = (frame: string): boolean =>
  frame.includes(RUNTIME) || /node_modules\/@tensorflow\/|node:internal|<anonymous>/.test(frame);

/** Reads an origin off a stack trace. */
export function parse(stack: string): Origin {
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '));
  // TensorFlow.js names its public functions `conv2d__op`; the innermost is the op itself.
  const op = frames.map((frame) => /(\w+?)_?__op\b/.exec(frame)?.[1]).find((name) => name);
  const outside = frames.find((frame) => !isInside(frame)) ?? frames.at(-1) ?? '';
  const where = /\(([^)]+)\)$/.exec(outside)?.[1] ?? outside.replace(/^ *at (async )?/, '');
  return { op, where: where.replace(/^file:\/\//, '') };
}
