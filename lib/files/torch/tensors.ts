import { PickleCallable, PickleObject, type PickleRules } from '../pickle/values.js';
import { ELEMENT_BYTES, type ElementType, sizeOf } from '../tensorSource.js';

/** Bytes that tensors share, as a checkpoint names them. */
export interface TorchStorage {
  dtype: ElementType;
  key: string;
  /** Its elements. */
  length: number;
}

/** A tensor of a checkpoint: a view into a storage, in elements. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

const STORAGES: Record<string, ElementType> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** What a training script leaves beside the tensors: settings and counters. Kept as names, or not at all. */
const INERT = new Set([
  'argparse.Namespace',
  'collections.Counter',
  'pathlib.Path',
  'pathlib.PosixPath',
  'pathlib.PurePosixPath',
  'pathlib.WindowsPath',
  'numpy.dtype',
  'numpy.ndarray',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  '_codecs.encode',
  'torch.device',
  'torch.Size',
  'torch.torch.Size',
  'torch.float16',
  'torch.bfloat16',
  'torch.float32',
  'torch.float64',
  'torch.int64',
]);

const DICTIONARIES = ['collections.OrderedDict', 'collections.defaultdict', 'builtins.dict', '__builtin__.dict'];
const PARAMETERS = ['torch._utils._rebuild_parameter', 'torch._utils._rebuild_parameter_with_state'];
const LISTS = ['build_intlist', 'build_tensorlist', 'build_doublelist', 'build_boollist', 'restore_type_tag'];
const MAX_AXES = 16;

/** Modules of a TorchScript archive: classes it brings itself, of which only the attributes count. */
const SCRIPTED = /^__torch__(\.|$)/;

/** The classes and functions that PyTorch's checkpoints need, and no others. */
export function torchRules(fail: (what: string) => never): PickleRules {
  const known = new Map<string, (args: readonly unknown[]) => unknown>();
  for (const name of DICTIONARIES) known.set(name, () => new Map());
  for (const name of LISTS) known.set(`torch.jit._pickle.${name}`, ([value]) => value);
  for (const name of PARAMETERS) known.set(name, ([data]) => data);
  for (const name of ['builtins', '__builtin__']) known.set(`${name}.set`, ([values]) => values ?? []);
  known.set('torch._utils._rebuild_tensor', (args) => rebuild(args, fail));
  known.set('torch._utils._rebuild_tensor_v2', (args) => rebuild(args, fail));
  known.set('torch._tensor._rebuild_from_type_v2', ([make, , args]) => {
    const known = make instanceof PickleCallable && /^torch\._utils\._rebuild_tensor(_v2)?$/.test(make.type);
    if (!known || !Array.isArray(args)) return fail('a tensor of a class of its own is unreadable');
    return make.call(args);
  });
  // Classes that stand beside a tensor or a storage and are never called.
  for (const name of ['torch.Tensor', 'torch.nn.parameter.Parameter'])
    known.set(name, () => fail(`${name} is called; expected the functions of torch._utils`));
  for (const name of Object.keys(STORAGES))
    known.set(`torch.${name}`, () => fail(`torch.${name} is called; expected it in a storage's id alone`));
  return {
    fail,
    global(module, name) {
      const type = `${module}.${name}`;
      const call = known.get(type);
      if (call) return new PickleCallable(type, call);
      if (INERT.has(type) || SCRIPTED.test(module)) {
        return new PickleCallable(type, (args) => new PickleObject(type, args));
      }
      return fail(`it calls for ${type.slice(0, 200)}, which no checkpoint of tensors needs: refused, nothing was run`);
    },
    persistent: (id) => storage(id, fail),
  };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** ('storage', class, key, device, elements[, view]) */
function storage(id: unknown, fail: (what: string) => never): TorchStorage {
  const [kind, type, key, , length, view] = Array.isArray(id) ? id : [];
  const name = type instanceof PickleCallable ? type.type.replace(/^torch\./, '') : '';
  if (kind !== 'storage' || typeof key !== 'string' || !isCount(length)) fail('a storage has no valid id');
  if (!Object.hasOwn(STORAGES, name)) fail(`storage ${key} is a ${name || 'thing'}; expected a torch.*Storage`);
  if (view !== undefined && view !== null) fail(`storage ${key} is a view of another one`);
  return { dtype: STORAGES[name]!, key, length };
}

/** (storage, offset, size, stride, …): a view that must stay within its storage and be no larger. */
function rebuild(args: readonly unknown[], fail: (what: string) => never): TorchTensor {
  const [base, offset, shape, strides] = args;
  const counts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);
  const from = base as TorchStorage | undefined;
  if (typeof from?.key !== 'string' || !Object.hasOwn(ELEMENT_BYTES, from.dtype)) fail('a tensor has no storage');
  const { key, length } = from as TorchStorage;
  if (!isCount(offset) || !counts(shape) || !counts(strides) || shape.length !== strides.length)
    return fail(`a tensor of storage ${key} has no valid offset, shape and strides`);
  if (shape.length > MAX_AXES)
    fail(`a tensor of storage ${key} has ${shape.length} axes; expected at most ${MAX_AXES}`);
  const count = sizeOf(shape);
  const last = shape.reduce((at, size, axis) => at + (size - 1) * strides[axis]!, offset);
  if (count > 0 && (count > length || last >= length))
    fail(`a tensor of storage ${key} is [${shape}] from element ${offset}, the storage has ${length}`);
  return new TorchTensor(from as TorchStorage, offset, shape, strides);
}
