import { VlltrError } from '../errors.js';
import { type Backend, type Choice, cudaRefusal, type Device, type KernelRoute } from './choice.js';
import { gpuPresent } from './hardware.js';
import { oneLine } from './layout.js';

/** The route of the package's own ops, and where they compute. */
export interface KernelChoice {
  readonly kernels: KernelRoute;
  readonly kernelDevice: Device;
  readonly addon: boolean;
}

/**
 * The addon's ops inside TensorFlow, on the card where TensorFlow computes there and the addon has CUDA kernels; else the
 * addon on typed arrays (not beside TensorFlow, where it would copy), else none.
 * @param where what runs already
 * @param reasons is added to
 */
export async function chooseKernels(
  choice: Choice,
  where: { backend: Backend; device: Device },
  reasons: string[],
): Promise<KernelChoice> {
  const wanted = choice.kernels;
  const none: KernelChoice = { kernels: 'tfjs', kernelDevice: where.device, addon: false };
  if (wanted === 'tfjs') return none;
  const route = wanted === 'auto' ? (where.backend === 'tensorflow' ? 'tensorflow' : 'node') : wanted;
  try {
    const { installedCudaPackage, loadAddon, registerTensorFlowOps } = await import('../../bindings/load.js');
    const addon = loadAddon();
    const mismatch = () => installedCudaPackage().mismatch;
    if (route === 'node') {
      return { kernels: route, kernelDevice: chooseDevice(choice.device, addon, mismatch, reasons), addon: true };
    }
    const { kernels } = registerTensorFlowOps();
    if (where.device === 'cpu') return { kernels: route, kernelDevice: 'cpu', addon: true };
    if (!Object.values(kernels).some((devices) => devices.includes('GPU'))) {
      const why = addon.cuda().built
        ? 'those for CUDA are not registered, for another copy of the addon was here first or this TensorFlow takes none'
        : (mismatch() ?? 'the addon in use has none for CUDA');
      reasons.push(`Kernels tensorflow compute on the CPU beside TensorFlow on a card: ${why}.`);
      return { kernels: route, kernelDevice: 'cpu', addon: true };
    }
    // Tables of anchors are made there from now on; and a card that the kernels cannot use is told of now.
    addon.useDevice(0);
    return { kernels: route, kernelDevice: 'cuda', addon: true };
  } catch (error) {
    // A forced instruction set, thread count or device that cannot be had is refused, whatever the route.
    if (error instanceof VlltrError && error.code === 'ERR_BACKEND') throw error;
    const cause = `Kernels ${route} cannot be had: ${oneLine(error)}`;
    // An instruction set is forced on the addon, so going on without the addon would ignore it; a device likewise.
    const isa = process.env.VLLTR_ISA;
    const device = choice.device === 'cuda' && where.device !== 'cuda';
    if (wanted !== 'auto' || isa || device) {
      const forced = wanted !== 'auto' ? '' : isa ? `VLLTR_ISA is "${isa}", but ` : 'Device cuda was asked for, but ';
      throw new VlltrError('ERR_BACKEND', forced + cause, { cause: error });
    }
    reasons.push(cause);
    return none;
  }
}

/** Lets the addon compute on the first card where it can and may; on the CPU else. */
function chooseDevice(
  wanted: Choice['device'],
  addon: { useDevice(device: number): void },
  mismatch: () => string | undefined,
  reasons: string[],
): Device {
  if (wanted === 'cpu' || (wanted === 'auto' && !gpuPresent())) return 'cpu';
  try {
    addon.useDevice(0);
    return 'cuda';
  } catch (error) {
    const other = mismatch();
    const cause = `Kernels node cannot use a card: ${oneLine(error)}${other ? ` (${other})` : ''}`;
    if (wanted === 'cuda') throw new VlltrError('ERR_BACKEND', cudaRefusal(cause, gpuPresent()), { cause: error });
    reasons.push(cause);
    return 'cpu';
  }
}
