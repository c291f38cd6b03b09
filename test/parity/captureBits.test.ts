// TensorFlow reads this once, when it is loaded: before what is imported below.
process.env.TF_ENABLE_ONEDNN_OPTS = '0';

const { describeParity } = await import('../support/captureParity.js');
const { onTensorFlow } = await import('../support/tensorflow.js');

onTensorFlow('captured as op by op, to the bit without oneDNN', () => describeParity(0));

export {};
