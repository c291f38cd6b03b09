import type { Conv2DBackpropFilterAttrs, KernelConfig } from '@tensorflow/tfjs';
import { check } from '../../errors.js';
import { tf } from '../tf.js';

/**
 * Gradient of a convolution with respect to its filter, which the wasm backend lacks: for every tap of the filter the
 * window of the input that it saw, as a matrix [N·OH·OW, Cin], transposed times dy as [N·OH·OW, Cout].
 */
export const conv2DBackpropFilter: KernelConfig = {
  kernelName: 'Conv2DBackpropFilter',
  backendName: 'wasm',
  kernelFunc: ({ inputs, attrs }) => {
    const x = inputs.x as tf.Tensor4D;
    const dy = inputs.dy as tf.Tensor4D;
    const { strides, pad, dataFormat, dimRoundingMode, filterShape } = attrs as unknown as Conv2DBackpropFilterAttrs;
    check(
      dataFormat === 'NHWC',
      'ERR_ARGUMENT',
      () => `Conv2DBackpropFilter on wasm takes data format NHWC, not ${dataFormat}.`,
    );
    const info = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad, dimRoundingMode);
    const { outHeight, outWidth, inChannels, outChannels, filterHeight, filterWidth, strideHeight, strideWidth } = info;
    const { top, bottom, left, right } = info.padInfo;
    const rows = info.batchSize * outHeight * outWidth;
    return tf.tidy(() => {
      const input = tensor(x) as tf.Tensor4D;
      const gradient = tensor(dy).reshape([rows, outChannels]);
      // With "valid" and a stride the last rows and columns may lie in no window: they are never sliced.
      const padded =
        top + bottom + left + right > 0
          ? tf.pad(input, [
              [0, 0],
              [top, bottom],
              [left, right],
              [0, 0],
            ])
          : input;
      const taps: tf.Tensor[] = [];
      for (let i = 0; i < filterHeight; i++) {
        for (let j = 0; j < filterWidth; j++) {
          const end = [
            info.batchSize,
            i + (outHeight - 1) * strideHeight + 1,
            j + (outWidth - 1) * strideWidth + 1,
            inChannels,
          ];
          const window = tf.stridedSlice(padded, [0, i, j, 0], end, [1, strideHeight, strideWidth, 1]);
          taps.push(tf.matMul(window.reshape([rows, inChannels]), gradient, true, false));
        }
      }
      return tf.stack(taps).reshape(filterShape);
    });
  },
};

/** Kernels are given bare records of a tensor; ops want tensors. */
function tensor(info: tf.TensorInfo): tf.Tensor {
  return info instanceof tf.Tensor ? info : tf.engine().makeTensorFromTensorInfo(info);
}
