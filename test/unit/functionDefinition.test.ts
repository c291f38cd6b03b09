import { expect, it } from 'vitest';
import type { ConstantTensor, FunctionOp, TensorType } from '../../bindings/addon.js';
import { loadAddon } from '../../bindings/load.js';
import { loadedBinding } from '../../lib/runtime/tensorflow.js';
import { tf } from '../../lib/runtime/tf.js';
import { backend, onTensorFlow } from '../support/tensorflow.js';

/** TF_DataType and TF_AttrType. */
const [FLOAT, INT32, STRING, INT64, NO_TYPE] = [1, 3, 7, 9, 999];
const [AS_STRING, AS_INT, AS_TYPE, AS_SHAPE] = [0, 1, 4, 5];

const float = { name: 'T', type: AS_TYPE, value: FLOAT };
const neg: FunctionOp = { name: 'neg.0', op: 'Neg', attributes: [float], inputs: [0], outputs: 1 };
const pack = (n: number): FunctionOp => {
  const attributes = [{ name: 'N', type: AS_INT, value: n }, float, { name: 'axis', type: AS_INT, value: 0 }];
  return { name: 'pack.0', op: 'Pack', attributes, inputs: [0, 0], outputs: 1 };
};

let made = 0;
/** Defines a function of one argument that negates it, but for what `change` says; its graph is gone afterwards. */
function define(change: object): string {
  const definition = {
    name: `vlltr_definition_${++made}`,
    arguments: [{ dtype: FLOAT, shape: [2] }] as TensorType[],
    constants: [] as ConstantTensor[],
    ops: [neg],
    results: [1],
    compile: false,
    config: new Uint8Array(),
    ...change,
  };
  const addon = loadAddon();
  const graph = addon.newFunctionGraph();
  try {
    for (const type of definition.arguments) addon.addFunctionArgument(graph, type);
    for (const tensor of definition.constants) addon.addFunctionConstant(graph, tensor);
    for (const op of definition.ops) addon.addFunctionOp(graph, op);
    addon.defineFunction(loadedBinding()!, graph, definition);
  } finally {
    addon.deleteFunctionGraph(graph);
  }
  return definition.name;
}

const constant = (dtype: number, shape: number[], values: unknown) => ({
  constants: [{ dtype, shape, values }],
  results: [1],
});
const argument = (dtype: number, shape: unknown) => ({ arguments: [{ dtype, shape }] });
const op = (change: object) => ({ ops: [{ ...neg, ...change }] });
const attribute = (type: number, value: unknown) => op({ attributes: [{ name: 'T', type, value }] });

onTensorFlow('a function definition', () => {
  it('becomes an op that TensorFlow runs, until it is removed', () => {
    const [id] = backend().getInputTensorIds([tf.tensor1d([1, -2])]);
    const run = (name: string): number[] => {
      const result = backend().binding.executeOp(name, [], [id!], 1)[0]!.id;
      const values = [...backend().binding.tensorDataSync(result)];
      backend().binding.deleteTensor(result);
      return values;
    };
    const negative = define({});
    const packed = define({ ops: [pack(2)] });
    const none = define({ ...constant(INT32, [0, 3], new Int32Array()), results: [1] });
    const scalar = define({ ...constant(FLOAT, [], Float32Array.of(0, 7, 0).subarray(1, 2)), results: [1] });
    expect([negative, packed, none, scalar].map(run)).toEqual([[-1, 2], [1, -2, 1, -2], [], [7]]);
    for (const name of [negative, packed, none, scalar]) {
      loadAddon().removeFunction(loadedBinding()!, name);
      expect(() => run(name)).toThrow(/nor a name of a function registered/);
      expect(() => loadAddon().removeFunction(loadedBinding()!, name)).toThrow(/removing function .*non-existent/);
    }
  });

  // Some of these would end the process if they reached TensorFlow.
  it.each<[string, object, RegExp]>([
    ['an unknown type of an argument', argument(NO_TYPE, [2]), /an argument: .*invalid DataType enum: 999/],
    ['an argument of the wrong type', argument(STRING, [2]), /neg\.0: Inconsistent values for attr 'T'/],
    ['a negative size', argument(FLOAT, [-5]), /cannot be of shape \[-5\]/],
    ['a size that is not known', argument(FLOAT, [-1]), /cannot be of shape \[-1\]/],
    ['a shape of too many elements', argument(FLOAT, [2 ** 52, 2 ** 52]), /cannot be of shape \[4503599627370496, /],
    ['too many dimensions', argument(FLOAT, new Array(255).fill(1)), /cannot be of shape \[1, 1, /],
    ['an unknown op', op({ op: 'Nope' }), /TensorFlow knows no op Nope/],
    ['an op with a state', op({ op: 'VarHandleOp', inputs: [] }), /neg\.0 \(VarHandleOp\) keeps a state of its own/],
    ['too few inputs', op({ inputs: [] }), /neg\.0 \(Neg\) has 0 inputs, expected 1/],
    ['too many inputs', op({ inputs: [0, 0] }), /neg\.0 \(Neg\) has 2 inputs, more than it takes/],
    ['an input that comes later', op({ inputs: [1] }), /neg\.0 reads value 1, which is not there yet/],
    ['an input that is none', op({ inputs: [-1] }), /neg\.0 reads value -1/],
    ['more outputs than there are', op({ outputs: 5 }), /neg\.0 has 1 outputs, not 5/],
    ['fewer than no outputs', op({ outputs: -1 }), /neg\.0 has 1 outputs, not -1/],
    ['a name twice', { ops: [neg, neg] }, /neg\.0: Duplicate node name/],
    [
      'a list longer than the inputs',
      { ops: [pack(3)] },
      /pack\.0 \(Pack\) has 2 inputs, fewer than its attributes say/,
    ],
    ['a list of negative length', { ops: [pack(-2)] }, /fewer than its attributes say/],
    ['a list shorter than the inputs', { ops: [pack(1)] }, /more than it takes/],
    ['an attribute of another kind', attribute(AS_STRING, 'x'), /neg\.0: Inconsistent values for attr 'T'/],
    [
      'an attribute of an unknown kind',
      attribute(99, 1),
      /attribute T is of a kind that cannot be set \(TF_AttrType 99\)/,
    ],
    [
      'a list of types',
      attribute(AS_TYPE, []),
      /attribute T is of a kind that cannot be set \(TF_AttrType 4, a list\)/,
    ],
    ['a shape that is none', attribute(AS_SHAPE, 3), /attribute T is of a kind that cannot be set/],
    ['an impossible shape', attribute(AS_SHAPE, [-7]), /neg\.0 \(Neg\): a tensor cannot be of shape \[-7\]/],
    ['a result that is none', { results: [2] }, /result 2 is no value of the function/],
    ['a negative result', { results: [-1] }, /result -1 is no value/],
    [
      'a constant with too many bytes',
      constant(FLOAT, [2], new Float32Array(3)),
      /type 1 and shape \[2\] has 12 bytes/,
    ],
    ['a constant with half an element', constant(FLOAT, [2], new Uint8Array(7)), /shape \[2\] has 7 bytes/],
    ['an empty constant with bytes', constant(FLOAT, [0, 3], new Float32Array(1)), /shape \[0, 3\] has 4 bytes/],
    ['a constant of strings', constant(STRING, [1], new Uint8Array(24)), /type 7 and shape \[1\] has 24 bytes/],
    ['a constant of an unknown type', constant(NO_TYPE, [1], new Uint8Array(4)), /type 999/],
    ['a constant of impossible shape', constant(FLOAT, [2 ** 32, 2 ** 32], new Float32Array()), /cannot be of shape/],
    ['a constant without values', constant(FLOAT, [1], undefined), /Invalid argument/],
    ['a constant that is no typed array', constant(FLOAT, [1], new DataView(new ArrayBuffer(4))), /Invalid argument/],
    ['no results', { results: undefined }, /An array was expected/],
    ['an op that is none', { ops: [3] }, /A string was expected/],
    ['a flag that is none', { compile: 1 }, /A boolean was expected/],
    ['the name of an op', { name: 'MatMul' }, /an op with the same name already exists/],
  ])('is refused with %s', (_, change, message) => {
    const error = expect.objectContaining({ code: 'ERR_NATIVE', message: expect.stringMatching(message) });
    expect(() => define(change)).toThrow(error);
  });

  it('knows shapes before anything is computed', () => {
    const addon = loadAddon();
    const graph = addon.newFunctionGraph();
    addon.addFunctionArgument(graph, { dtype: FLOAT, shape: [2, 3] });
    expect(addon.addFunctionOp(graph, pack(2))).toEqual([{ dtype: FLOAT, shape: [2, 2, 3] }]);
    const where: FunctionOp = { name: 'where.1', op: 'Where', attributes: [float], inputs: [0], outputs: 1 };
    expect(addon.addFunctionOp(graph, where)).toEqual([{ dtype: INT64, shape: null }]);
    addon.deleteFunctionGraph(graph);
    const gone = new RegExp(`there is no graph ${graph}`);
    expect(() => addon.addFunctionArgument(graph, { dtype: FLOAT, shape: [] })).toThrow(gone);
    expect(() => addon.addFunctionOp(graph, neg)).toThrow(gone);
    expect(() => addon.deleteFunctionGraph(graph)).toThrow(gone);
    expect(() => define({ results: [1], name: 'vlltr_gone' })).not.toThrow();
    addon.removeFunction(loadedBinding()!, 'vlltr_gone');
  });

  it('needs a binding that is loaded', () => {
    const addon = loadAddon();
    expect(addon.canDefineFunctions(loadedBinding()!)).toBe(true);
    expect(addon.canDefineFunctions('/nothing/there.node')).toBe(false);
    expect(() => addon.defineFunction('/nothing/there.node', 0, {} as never)).toThrow(/A string was expected/);
    expect(() => addon.removeFunction('/nothing/there.node', 'x')).toThrow(
      /binding \/nothing\/there\.node is not loaded/,
    );
  });
});
