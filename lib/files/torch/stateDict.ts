import { type PickleDict, PickleObject } from '../pickle/values.js';
import { shown } from '../shown.js';
import { TorchTensor } from './tensors.js';

/** Keys under which training scripts keep the weights, the first found being taken. */
const WRAPPERS = ['model', 'state_dict', 'model_state_dict', 'module'];
const MAX_TENSORS = 100_000;
const MAX_DEPTH = 64;

/** Tensors of a checkpoint by name: a state dict, one inside a larger dictionary, or a TorchScript module's. */
export function stateDict(root: unknown, fail: (what: string) => never): Map<string, TorchTensor> {
  const found = new Map<string, TorchTensor>();
  collect(unwrapped(root, fail), '', 0, found, { visits: 0 }, fail);
  if (found.size === 0) fail(`it holds no tensors${described(root)}`);
  return found;
}

const described = (root: unknown): string =>
  root instanceof Map ? `; its keys are ${[...root.keys()].slice(0, 8).map(shown).join(', ')}` : '';

/** The weights within what a training script saved. */
function unwrapped(root: unknown, fail: (what: string) => never): unknown {
  let value = root;
  for (let depth = 0; depth < 4; depth++) {
    if (!(value instanceof Map) || [...value.values()].some((v) => v instanceof TorchTensor)) return value;
    const dict: PickleDict = value;
    const key = WRAPPERS.find((name) => dict.get(name) instanceof Map || dict.get(name) instanceof PickleObject);
    if (key === undefined) return fail(`it holds no state dict${described(root)}; expected ${WRAPPERS.join(' or ')}`);
    value = dict.get(key);
  }
  return value;
}

/** Modules may share parts, so a hostile file could make walking them take for ever: the visits are counted. */
function collect(
  value: unknown,
  prefix: string,
  depth: number,
  found: Map<string, TorchTensor>,
  count: { visits: number },
  fail: (what: string) => never,
): void {
  const items =
    value instanceof Map ? value : value instanceof PickleObject && value.state instanceof Map ? value.state : [];
  for (const [key, item] of items) {
    if (++count.visits > MAX_TENSORS || depth > MAX_DEPTH) fail('its modules do not end');
    if (typeof key !== 'string') continue;
    if (item instanceof TorchTensor) found.set(prefix + key, item);
    else if (item instanceof PickleObject) collect(item, `${prefix}${key}.`, depth + 1, found, count, fail);
  }
}
