let suspend: (<T>(f: () => T) => T) | undefined;

/** Whether a step is being traced: its arguments have no values then. */
export const isTracing = (): boolean => suspend !== undefined;

/** Runs `f` outside of the trace that is being made, if one is: what it makes is computed, and the same in every call. */
export function untraced<T>(f: () => T): T {
  return suspend ? suspend(f) : f();
}

/** Runs `f` as a trace: while properties of an object are replaced, but for what is `untraced`. */
export function tracing<T extends object, R>(object: T, properties: Partial<T>, f: () => R): R {
  let restore = replace(object, properties);
  const outside: typeof suspend = (g) => {
    restore();
    suspend = undefined;
    try {
      return g();
    } finally {
      restore = replace(object, properties);
      suspend = outside;
    }
  };
  suspend = outside;
  try {
    return f();
  } finally {
    suspend = undefined;
    restore();
  }
}

/** Replaces properties of an object. @returns what puts them back as they were, own or inherited */
function replace<T extends object>(object: T, properties: Partial<T>): () => void {
  const names = Object.keys(properties) as (keyof T)[];
  const before = names.map((name) => Object.getOwnPropertyDescriptor(object, name));
  Object.assign(object, properties);
  return () =>
    names.forEach((name, i) => {
      if (before[i]) Object.defineProperty(object, name, before[i]);
      else delete object[name];
    });
}
