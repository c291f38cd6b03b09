import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CudaInfo } from '../../bindings/cuda.js';
import { CUDA_PACKAGE } from '../../bindings/cudaPackage.js';
import { installedCudaPackage } from '../../bindings/load.js';
import { canCapture } from './capture/index.js';
import { LEAST_DRIVER, probeCards } from './cards.js';
import { type Choice, type Device, resolveChoice } from './choice.js';
import { type Gpu, gpu, memory, type Processor, processor } from './hardware.js';
import { oneLine, type Variant } from './layout.js';
import { cacheFolder, packageFolder, userTensorFlow } from './paths.js';
import { type ReadyOptions, type Runtime, ready } from './ready.js';
import { type InstalledTensorFlow, installedTensorFlow } from './tensorflow.js';
import { findPip } from './wheel.js';

/** Something that is missing, and what to do about it. */
export interface Lack {
  readonly what: string;
  readonly remedy: string;
}

/** Everything one wants to know of a machine when something does not run. */
export interface Diagnosis {
  readonly ok: boolean;
  readonly package: string;
  readonly node: string;
  readonly platform: string;
  /** The C library: `glibc 2.36`, or the platform's other one. */
  readonly libc: string;
  readonly processor: Processor;
  /** GiB. */
  readonly memory: number;
  readonly gpu: Gpu;
  /** What the addon's own CUDA kernels see. */
  readonly cuda: CudaInfo;
  readonly backend?: string;
  readonly kernels?: string;
  readonly device?: string;
  /** Where the package's own ops compute. */
  readonly kernelDevice?: string;
  readonly tensorflow?: string;
  readonly tensorflowFolder?: string;
  /** Whether training steps run as one TensorFlow function. */
  readonly capture: boolean;
  /** Every TensorFlow that set-up laid out, and the device it computed on then: a CUDA build with `cpu` is untested on a device. */
  readonly installed: readonly { variant: Variant; tensorflow: string; folder: string; device: Device }[];
  /** Why it is not the best. */
  readonly reasons: readonly string[];
  /** Why nothing runs, if so. */
  readonly error?: string;
  readonly cache: string;
  /** Variables of this package that are set. */
  readonly environment: Readonly<Record<string, string>>;
  readonly lacks: readonly Lack[];
}

/** What the remedies are derived from; apart, so that it can be tested without the machine. */
export interface Findings {
  readonly node: string;
  readonly platform: string;
  readonly runtime?: Pick<Runtime, 'backend' | 'kernels' | 'device' | 'addon'>;
  readonly capture: boolean;
  readonly error?: string;
  readonly choice?: Partial<Choice>;
  readonly pip: boolean;
  readonly installed: readonly Pick<InstalledTensorFlow, 'variant'>[];
  readonly userTensorFlow: boolean;
  readonly features: readonly string[];
  readonly gpu: Gpu;
  readonly cuda: Pick<CudaInfo, 'built' | 'cards' | 'why'>;
  /** Why the installed package of CUDA kernels cannot serve. */
  readonly cudaMismatch?: string;
}

/** Starts what `ready(options)` would choose and reports it with the machine around it. Never throws. */
export async function diagnose(options: ReadyOptions = {}): Promise<Diagnosis> {
  const environment = ownVariables();
  let runtime: Runtime | undefined;
  let error: string | undefined;
  try {
    runtime = await ready(options);
  } catch (cause) {
    error = oneLine(cause);
  }
  const { version } = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string };
  const variants = userTensorFlow() ? (['user'] as const) : (['cpu', 'cuda'] as const);
  const installed = variants.map(installedTensorFlow).filter((one) => one !== undefined);
  const chip = processor();
  const graphics = gpu();
  const cuda = probeCards();
  const platform = `${process.platform}-${process.arch}`;
  const lacks = findLacks({
    node: process.versions.node,
    platform,
    runtime,
    capture: canCapture(),
    error,
    choice: runtime && resolveChoice(options),
    pip: installed.length > 0 || findPip() !== undefined,
    installed,
    userTensorFlow: Boolean(userTensorFlow()),
    features: chip.features,
    gpu: graphics,
    cuda,
    cudaMismatch: installedCudaPackage().mismatch,
  });
  return {
    ok: runtime !== undefined,
    package: version,
    node: process.versions.node,
    platform,
    libc: libc(),
    processor: chip,
    memory: Math.round((memory() / 2 ** 30) * 10) / 10,
    gpu: graphics,
    cuda,
    backend: runtime?.backend,
    kernels: runtime?.kernels,
    device: runtime?.device,
    kernelDevice: runtime?.kernelDevice,
    tensorflow: runtime?.tensorflow,
    tensorflowFolder: runtime?.folder,
    capture: canCapture(),
    installed: installed.map(({ variant, version, layout, device }) => {
      return { variant, tensorflow: version, folder: layout.folder, device };
    }),
    reasons: runtime?.reasons ?? [],
    error,
    cache: cacheFolder(),
    environment,
    lacks,
  };
}

/** What is missing for the best this package can do here, most important first. */
export function findLacks(found: Findings): Lack[] {
  const lacks: Lack[] = [];
  const lack = (what: string, remedy: string) => lacks.push({ what, remedy });
  const [major = 0, minor = 0] = found.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    lack(`Node ${found.node} is older than 20.19`, 'Install Node 20.19 or later.');
  }
  if (found.error)
    lack('The forced choice cannot be had', `${found.error.replace(/\.?$/, '.')} Or unset the variable.`);
  const tensorflow = found.runtime?.backend === 'tensorflow';
  if (!tensorflow && found.installed.length === 0) {
    if (found.userTensorFlow) {
      lack(
        'The TensorFlow named by VLLTR_TENSORFLOW_DIR is not set up',
        'Run `vl-ltr setup` once with that variable set.',
      );
    } else if (found.platform !== 'linux-x64') {
      lack(
        `No TensorFlow is fetched for ${found.platform}`,
        'Name one of your own with VLLTR_TENSORFLOW_DIR and run `vl-ltr setup`; until then wasm serves.',
      );
    } else {
      lack(
        'TensorFlow is not set up',
        found.pip
          ? 'Run `vl-ltr setup` (274 MB); until then wasm serves, several times slower.'
          : 'Install pip (python3-pip) or name the wheel with VLLTR_TENSORFLOW_WHEEL, then run `vl-ltr setup`.',
      );
    }
  } else if (found.runtime && !tensorflow) {
    lack(
      'TensorFlow is set up but not in use',
      found.choice?.backend && found.choice.backend !== 'auto'
        ? `Backend ${found.choice.backend} was asked for: unset VLLTR_BACKEND.`
        : 'The reasons above say why; run `vl-ltr setup` again.',
    );
  }
  if (found.runtime?.kernels === 'tfjs') {
    lack(
      "The native kernels are not in use, TensorFlow.js's own serve",
      'In a clone install g++ and cmake and run `npm run setup`; unset VLLTR_KERNELS if it says tfjs.',
    );
  }
  if (tensorflow && !found.capture) {
    lack(
      'Training steps run op by op',
      "Run `vl-ltr setup` again: it builds TensorFlow.js's binding so that a step becomes one function; that needs the addon too.",
    );
  }
  if (found.platform.endsWith('-x64') && !found.features.includes('avx2')) {
    lack('The processor has no AVX2', 'Computing works, slowly: prefer a processor with AVX2 or AVX-512.');
  }
  if (found.cudaMismatch) lack('The package of CUDA kernels cannot serve', `${found.cudaMismatch}.`);
  if (found.gpu.driver) lacks.push(...cardLacks(found));
  return lacks;
}

/** What keeps a card whose driver is loaded from computing: TensorFlow's build, and that of the package's own kernels. */
function cardLacks({ runtime, installed, gpu, cuda, cudaMismatch, platform }: Findings): Lack[] {
  const lacks: Lack[] = [];
  if (runtime?.device !== 'cuda') {
    lacks.push({
      what: 'An NVIDIA GPU is present but TensorFlow does not use it',
      remedy: installed.some(({ variant }) => variant === 'cuda')
        ? 'Set VLLTR_DEVICE=cuda to see the cause; CUDA 12 needs driver 525 or later.'
        : 'Run `vl-ltr setup --cuda` (3.3 GB to fetch, 5 GB on disk).',
    });
  }
  const major = Number(gpu.version?.split('.')[0]);
  if (major < LEAST_DRIVER) {
    lacks.push({
      what: `The driver ${gpu.version} is too old for the CUDA kernels`,
      remedy: `Install NVIDIA's driver ${LEAST_DRIVER} or later (CUDA 13).`,
    });
  } else if (cudaMismatch) {
    // Told already; what there is of CUDA beside it is no matter.
  } else if (!cuda.built) {
    lacks.push({
      what: 'The addon in use has no CUDA kernels',
      remedy:
        platform === 'linux-x64'
          ? `Install ${CUDA_PACKAGE}; in a clone run \`npm run build:cuda\`, which needs nvcc 13.`
          : 'They are built for linux-x64 alone.',
    });
  } else if (cuda.cards.length === 0) {
    lacks.push({ what: 'The CUDA kernels see no card', remedy: `The cause: ${cuda.why ?? 'unknown'}.` });
  } else if (cuda.cards.every(({ capability }) => Number(capability) < 8)) {
    lacks.push({
      what: `The CUDA kernels need compute capability 8.0, ${cuda.cards[0]!.name} has ${cuda.cards[0]!.capability}`,
      remedy: 'Computing works on the CPU.',
    });
  }
  return lacks;
}

function libc(): string {
  if (process.platform !== 'linux') return process.platform;
  // The report knows glibc's version; its network part would be slow and is left out.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  report.excludeNetwork = true;
  const header = (report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  return header?.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'not glibc';
}

function ownVariables(): Record<string, string> {
  const own = Object.entries(process.env).filter(([name]) => name.startsWith('VLLTR_'));
  return Object.fromEntries(own.map(([name, value]) => [name, value ?? '']));
}
