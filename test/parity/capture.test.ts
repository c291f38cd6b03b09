import { describeParity } from '../support/captureParity.js';
import { onTensorFlow } from '../support/tensorflow.js';

// With oneDNN, TensorFlow's default, bits may differ: in a function it rewrites ops to oneDNN's, fused, that it runs as
// its own op by op. Twice what was measured (AVX-512, 2 cores): 7e-6 in a gradient that nearly cancels, 4e-6 in the
// stages, about 1e-6 mostly.
onTensorFlow('captured as op by op, but for rounding', () => describeParity(1.5e-5));
