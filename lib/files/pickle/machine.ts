import { ByteCursor } from './bytes.js';
import { PickleCallable, type PickleDict, PickleObject, type PickleRules } from './values.js';

/** Far more than the largest models need; each takes memory. */
const MAX_STEPS = 4_000_000;
const MAX_OBJECTS = 300_000;
/** Opcodes that make an object: tuples, lists, dictionaries, sets, calls. */
const MAKING = new Set(')t\x85\x86\x87]l}d\x8f\x91RioQP\x81\x92');

/** The place of `(` on the stack: a list, tuple or dictionary begins after it. */
const MARK = Symbol('mark');

/**
 * Reads one pickle, protocols 0 to 5 (PEP 307, 3154, 574; opcodes as CPython's pickletools names them), and gives its
 * value and where it ends. Nothing is executed: what the pickle calls are the functions that `rules` knows by name.
 * Time and memory grow with the bytes alone.
 */
export function readPickle(bytes: Buffer, rules: PickleRules, begin = 0): { value: unknown; end: number } {
  const machine = new Machine(new ByteCursor(bytes, begin, rules.fail), rules);
  return { value: machine.run(), end: machine.bytes.at };
}

class Machine {
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    readonly bytes: ByteCursor,
    private readonly rules: PickleRules,
  ) {}

  run(): unknown {
    let objects = 0;
    for (let steps = 0; ; steps++) {
      const at = this.bytes.at;
      const opcode = String.fromCharCode(this.bytes.uint8());
      if (opcode === '.') return this.pop();
      const step = STEPS[opcode];
      if (!step) this.rules.fail(`opcode 0x${opcode.charCodeAt(0).toString(16)} at byte ${at} is not known`);
      if (MAKING.has(opcode)) objects++;
      if (steps > MAX_STEPS || objects > MAX_OBJECTS) this.rules.fail(`it has too many values (byte ${at})`);
      step(this);
    }
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length === 0 || this.stack.at(-1) === MARK) this.rules.fail('it takes a value where there is none');
    return this.stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.push(value);
    return value;
  }

  mark(): void {
    this.stack.push(MARK);
  }

  /** The values since the last mark, which goes with them. */
  sinceMark(): unknown[] {
    const at = this.stack.lastIndexOf(MARK);
    if (at < 0) this.rules.fail('it closes a list that it has not begun');
    const values = this.stack.splice(at);
    values.shift();
    return values;
  }

  /** The last `count` values as a tuple. */
  tuple(count: number): void {
    const values = Array.from({ length: count }, () => this.pop());
    this.push(values.reverse());
  }

  put(index: number | bigint): void {
    this.memo.set(Number(index), this.top());
  }

  memoize(): void {
    this.put(this.memo.size);
  }

  get(index: number | bigint): void {
    if (!this.memo.has(Number(index))) this.rules.fail(`it recalls value ${index}, which it has not stored`);
    this.push(this.memo.get(Number(index)));
  }

  dict(values: unknown[], into: PickleDict = new Map()): PickleDict {
    if (values.length % 2) this.rules.fail('a dictionary has a key without a value');
    for (let i = 0; i < values.length; i += 2) into.set(values[i], values[i + 1]);
    return into;
  }

  setItems(values: unknown[]): void {
    const target = this.top();
    if (target instanceof Map) this.dict(values, target);
    else if (!(target instanceof PickleObject)) this.rules.fail('it sets items of what is no dictionary');
  }

  append(values: unknown[]): void {
    const target = this.top();
    if (Array.isArray(target)) for (const value of values) target.push(value);
    else if (!(target instanceof PickleObject)) this.rules.fail('it appends to what is no list');
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string') this.rules.fail('a global has no name');
    this.push(this.rules.global(module as string, name as string));
  }

  call(callable: unknown, args: unknown): void {
    if (!(callable instanceof PickleCallable)) this.rules.fail('it calls what is no function');
    if (!Array.isArray(args)) this.rules.fail(`it calls ${(callable as PickleCallable).type} without arguments`);
    this.push((callable as PickleCallable).call(args as unknown[]));
  }

  /** State of an object; that of dictionaries and tensors (their Python attributes) means nothing here. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof PickleObject) target.state = state;
  }

  persistent(id: unknown): void {
    this.push(this.rules.persistent(id));
  }

  refuse(what: string): never {
    return this.rules.fail(what);
  }
}

/** Latin-1 text of protocol 0's strings, quotes and escapes included: only their plain form is met. */
function quoted(m: Machine): string {
  const text = m.bytes.line();
  const inner = /^'([^'\\]*)'$|^"([^"\\]*)"$/.exec(text);
  return inner ? (inner[1] ?? inner[2] ?? '') : m.refuse('a string of protocol 0 has escapes or no quotes');
}

function reduce(m: Machine): void {
  const args = m.pop();
  m.call(m.pop(), args);
}

function newObjectEx(m: Machine): void {
  m.pop(); // keyword arguments
  reduce(m);
}

function stackGlobal(m: Machine): void {
  const name = m.pop();
  m.global(m.pop(), name);
}

function instance(m: Machine): void {
  const module = m.bytes.line();
  m.global(module, m.bytes.line());
  m.call(m.pop(), m.sinceMark());
}

function object(m: Machine): void {
  const [callable, ...args] = m.sinceMark();
  m.call(callable, args);
}

const append = (m: Machine): void => m.append([m.pop()]);

function setItem(m: Machine): void {
  const value = m.pop();
  m.setItems([m.pop(), value]);
}

/** What each opcode does, by its byte. */
const STEPS: Record<string, ((m: Machine) => void) | undefined> = {
  '\x80': (m) => m.bytes.skip(1), // protocol
  '\x95': (m) => m.bytes.skip(8), // frame
  '(': (m) => m.mark(),
  '0': (m) => m.pop(),
  '1': (m) => m.sinceMark(),
  '2': (m) => m.push(m.top()),
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  J: (m) => m.push(m.bytes.int32()),
  K: (m) => m.push(m.bytes.uint8()),
  M: (m) => m.push(m.bytes.uint16()),
  I: (m) => m.push(m.bytes.decimal()),
  L: (m) => m.push(m.bytes.decimal()),
  '\x8a': (m) => m.push(m.bytes.integer(m.bytes.uint8())),
  '\x8b': (m) => m.push(m.bytes.integer(m.bytes.uint32())),
  F: (m) => m.push(Number(m.bytes.line())),
  G: (m) => m.push(m.bytes.float64()),
  V: (m) => m.push(m.bytes.line()),
  S: (m) => m.push(quoted(m)),
  X: (m) => m.push(m.bytes.text(m.bytes.uint32())),
  '\x8c': (m) => m.push(m.bytes.text(m.bytes.uint8())),
  '\x8d': (m) => m.push(m.bytes.text(m.bytes.uint64())),
  T: (m) => m.push(m.bytes.text(m.bytes.uint32())),
  U: (m) => m.push(m.bytes.text(m.bytes.uint8())),
  B: (m) => m.push(m.bytes.raw(m.bytes.uint32())),
  C: (m) => m.push(m.bytes.raw(m.bytes.uint8())),
  '\x8e': (m) => m.push(m.bytes.raw(m.bytes.uint64())),
  '\x96': (m) => m.push(m.bytes.raw(m.bytes.uint64())),
  ')': (m) => m.push([]),
  t: (m) => m.push(m.sinceMark()),
  '\x85': (m) => m.tuple(1),
  '\x86': (m) => m.tuple(2),
  '\x87': (m) => m.tuple(3),
  ']': (m) => m.push([]),
  l: (m) => m.push(m.sinceMark()),
  a: append,
  e: (m) => m.append(m.sinceMark()),
  '}': (m) => m.push(new Map()),
  d: (m) => m.push(m.dict(m.sinceMark())),
  s: setItem,
  u: (m) => m.setItems(m.sinceMark()),
  '\x8f': (m) => m.push([]), // a set, as a list
  '\x90': (m) => m.append(m.sinceMark()),
  '\x91': (m) => m.push(m.sinceMark()),
  c: (m) => {
    const module = m.bytes.line();
    m.global(module, m.bytes.line());
  },
  '\x93': stackGlobal,
  R: reduce,
  '\x81': reduce, // a new object, its class called as a function
  '\x92': newObjectEx,
  i: instance,
  o: object,
  b: (m) => m.build(),
  q: (m) => m.put(m.bytes.uint8()),
  r: (m) => m.put(m.bytes.uint32()),
  p: (m) => m.put(m.bytes.decimal()),
  '\x94': (m) => m.memoize(),
  h: (m) => m.get(m.bytes.uint8()),
  j: (m) => m.get(m.bytes.uint32()),
  g: (m) => m.get(m.bytes.decimal()),
  Q: (m) => m.persistent(m.pop()),
  P: (m) => m.persistent(m.bytes.line()),
};
