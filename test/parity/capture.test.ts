import { describeParity } from '../support/captureParity.js';
import { onTensorFlow } from '../support/tensorflow.js';

// With oneDNN, TensorFlow's default, bits may differ: in a function it rewrites ops to oneDNN's, fused, that it runs as
// its own op by op. Their sums go in another order, so that each of up to 3·15² terms may be rounded otherwise, by 6e-8:
// 4e-5, twice with what cancels. Measured were 1e-6 mostly, 9e-6 at most. What an op computes is compared to the bit
// without oneDNN (captureBits.test.ts).
onTensorFlow('captured as op by op, but for rounding', () => describeParity(1e-4));
