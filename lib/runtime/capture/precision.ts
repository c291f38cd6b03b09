import { VlltrError } from '../../errors.js';

/** Arithmetic of matrix products and convolutions inside a captured step. */
export type Precision = 'fp32' | 'bf16';

// ConfigProto { graph_options (10) { rewrite_options (10) { auto_mixed_precision_onednn_bfloat16 (31): ON (1) } } }
const BFLOAT16 = Uint8Array.of(0x52, 5, 0x52, 3, 0xf8, 0x01, 1);

/**
 * The ConfigProto under which TensorFlow optimises a function. bf16: its automatic mixed precision for oneDNN
 * lowers what gains by it and is safe, and keeps the rest, the parameters among it, in float32.
 */
export function precisionConfig(precision: Precision): Uint8Array {
  if (precision === 'fp32') return new Uint8Array();
  if (precision === 'bf16') return BFLOAT16;
  throw new VlltrError('ERR_ARGUMENT', `capture: precision is '${precision}'; expected 'fp32' or 'bf16'`);
}
