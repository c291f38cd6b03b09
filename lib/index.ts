export { VlltrError } from './errors.js';
export { tf } from './runtime/tf.js';
