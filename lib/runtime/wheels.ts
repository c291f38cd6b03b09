import type { Wheel } from './wheel.js';

/** The TensorFlow that set-up lays out. */
export const TENSORFLOW_VERSION = '2.21.0';

/** TensorFlow's wheels: the same file on every machine. The CUDA one is linked against CUDA 12. */
export const TENSORFLOW_WHEELS: { readonly cpu: Wheel; readonly cuda: Wheel } = {
  cpu: {
    requirement: `tensorflow-cpu==${TENSORFLOW_VERSION}`,
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
    size: 273_829_956,
  },
  cuda: {
    requirement: `tensorflow==${TENSORFLOW_VERSION}`,
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
    size: 572_440_367,
  },
};

/** CUDA libraries by package: the versions taken, each within what TensorFlow's metadata asks for, SHA-256, bytes. */
const CUDA_PINS: Readonly<Record<string, readonly [version: string, sha256: string, size: number]>> = {
  'nvidia-cublas-cu12': ['12.9.3.13', 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72', 581_217_458],
  'nvidia-cuda-cupti-cu12': ['12.9.79', '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f', 10_814_997],
  'nvidia-cuda-nvcc-cu12': ['12.9.86', '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0', 40_546_229],
  'nvidia-cuda-nvrtc-cu12': ['12.9.86', '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4', 89_568_129],
  'nvidia-cuda-runtime-cu12': [
    '12.9.79',
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
    3_493_179,
  ],
  'nvidia-cudnn-cu12': ['9.28.0.42', '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375', 716_538_495],
  'nvidia-cufft-cu12': ['11.4.1.4', 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28', 200_877_592],
  'nvidia-cusolver-cu12': [
    '11.7.5.82',
    '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
    338_117_415,
  ],
  'nvidia-cusparse-cu12': [
    '12.5.10.65',
    '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
    366_465_088,
  ],
  'nvidia-nccl-cu12': ['2.32.3', 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c', 351_526_311],
  'nvidia-nvjitlink-cu12': ['12.9.86', 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9', 39_748_338],
};

/** Bytes of the CUDA libraries' wheels. */
export const CUDA_BYTES = Object.values(CUDA_PINS).reduce((sum, [, , size]) => sum + size, 0);

/** Named by TensorFlow's metadata, but nothing in TensorFlow opens it. */
const NEVER_OPENED = ['nvidia-curand-cu12'];

/**
 * The CUDA wheels that TensorFlow's own metadata names under its extra `and-cuda`, each at the version pinned here,
 * without those it never opens;
 * a package that is not pinned is taken as the metadata asks for it.
 * @param metadata text of the wheel's `METADATA` (core metadata, `Requires-Dist` lines after PEP 508)
 */
export function planCuda(metadata: string): Wheel[] {
  const wheels: Wheel[] = [];
  for (const line of metadata.split(/\r?\n/)) {
    if (line === '') break; // the description follows
    const match = /^Requires-Dist:\s*(nvidia-[a-z0-9-]+-cu12)\s*([^;]*);.*extra\s*==\s*["']and-cuda["']/.exec(line);
    if (!match) continue;
    const name = match[1]!;
    if (NEVER_OPENED.includes(name)) continue;
    const pin = CUDA_PINS[name];
    if (pin) wheels.push({ requirement: `${name}==${pin[0]}`, sha256: pin[1], size: pin[2] });
    else wheels.push({ requirement: name + match[2]!.replace(/[()\s]/g, ''), size: 0 });
  }
  return wheels;
}
