/** What a pickle holds beside numbers (bigint beyond 2^53), strings, booleans, null, bytes, lists and tuples (arrays). */

/** A dictionary, in its order. */
export type PickleDict = Map<unknown, unknown>;

/** An object of a class that is known by name only: nothing of it runs. */
export class PickleObject {
  /** What its state sets; a dictionary as a rule. */
  state: unknown;
  constructor(
    /** `module.name`. */
    readonly type: string,
    readonly args: readonly unknown[] = [],
  ) {}
}

/** A class or function that a pickle names and its reader knows: what a call of it gives. */
export class PickleCallable {
  constructor(
    /** `module.name`. */
    readonly type: string,
    readonly call: (args: readonly unknown[]) => unknown,
  ) {}
}

/** How a kind of pickle is read; each throws where something is not of that kind. */
export interface PickleRules {
  /** The only way to a class or function: those not known here are refused by name. */
  global(module: string, name: string): unknown;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
  /** Throws an error that says what is wrong with the pickle. */
  fail(what: string): never;
}
