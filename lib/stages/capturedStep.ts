import { check } from '../errors.js';
import { type CapturedStep, canCapture, capture, type Step, type StepResult } from '../runtime/capture/index.js';
import type { tf } from '../runtime/tf.js';
import type { TensorTree } from '../runtime/tree.js';
import type { StepInputs, StepState } from './optimise.js';
import type { TrainOptions } from './options.js';

/** One update of a stage. */
export type CapturedUpdate = CapturedStep<StepState, StepInputs, Record<string, tf.Tensor>>;

/**
 * A step as one TensorFlow function, as the options of a training have it.
 * @throws VlltrError ERR_CAPTURE where an option asks for what only a captured step has, and there can be none
 */
export function capturedStep<S extends TensorTree, I extends TensorTree, O extends TensorTree>(
  name: string,
  options: Pick<TrainOptions, 'capture' | 'precision' | 'xla'>,
  step: Step<S, I, O>,
): CapturedStep<S, I, O> {
  const { capture: how = 'auto', precision = 'fp32', xla = false } = options;
  check(
    ['auto', 'on', 'off'].includes(how),
    'ERR_ARGUMENT',
    () => `capture is '${String(how)}'; expected auto, on or off`,
  );
  const asked = precision !== 'fp32' ? `precision ${precision}` : xla ? 'xla' : how === 'on' ? 'capture on' : undefined;
  const warn = (error: Error): void => console.warn(`${name} runs op by op, slower: ${error.message}`);
  const made = capture(step, { name, precision, xla, onFailure: asked ? undefined : warn });
  const possible = how !== 'off' && canCapture();
  check(possible || !asked, 'ERR_CAPTURE', () => {
    const why = how === 'off' ? 'capture is off' : 'no update can be captured here: vl-ltr doctor says why';
    return `${name}: ${asked} was asked for, but ${why}`;
  });
  const plain = (state: S, inputs: I): StepResult<S, O> => step(state, inputs);
  return possible ? made : Object.assign(plain, { dispose: () => {} });
}
