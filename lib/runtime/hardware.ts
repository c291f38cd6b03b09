import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, totalmem } from 'node:os';

/** The processor as this package sees it. */
export interface Processor {
  readonly model: string;
  /** Hardware threads this process may use. */
  readonly cores: number;
  /** Vector extensions that the kernels look for. */
  readonly features: readonly string[];
}

export interface Gpu {
  /** Whether the NVIDIA driver is loaded. */
  readonly driver: boolean;
  /** Driver version, or undefined. */
  readonly version?: string;
  /** Names as nvidia-smi lists them. */
  readonly names: readonly string[];
}

const FEATURES = ['avx', 'avx2', 'fma', 'avx512f', 'avx512bw', 'avx512vl', 'avx512_bf16', 'avx512_vnni', 'amx_bf16'];

export function processor(): Processor {
  return { model: cpus()[0]?.model.trim() || arch(), cores: availableParallelism(), features: cpuFeatures() };
}

/** Known vector extensions among the flags in a text of `/proc/cpuinfo`; empty where there is none. */
export function cpuFeatures(cpuinfo = readText('/proc/cpuinfo')): string[] {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  return FEATURES.filter((feature) => flags.has(feature));
}

/** Memory in bytes: what the machine has, or the control group's limit if that is less. */
export function memory(): number {
  const limit = Number(readText('/sys/fs/cgroup/memory.max').trim() || Number.NaN);
  return Number.isFinite(limit) && limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** A quick look for an NVIDIA driver, which starts no process. */
export function gpuPresent(): boolean {
  return existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl') || existsSync('/dev/dxg');
}

/**
 * `TF_CPP_MIN_LOG_LEVEL`: errors (2), but none (3) where a CUDA build is bound to complain that it finds no GPU. An op's
 * errors are exceptions at either.
 * @param cpuOnly whether GPUs are hidden from TensorFlow
 */
export function tensorFlowLogLevel(cpuOnly = false): string {
  return cpuOnly || !gpuPresent() ? '3' : '2';
}

export function gpu(): Gpu {
  const driver = gpuPresent();
  const list = spawnSync('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (list.status !== 0) {
    const version = /Kernel Module\s+([\d.]+)/.exec(readText('/proc/driver/nvidia/version'))?.[1];
    return { driver, version, names: [] };
  }
  const rows = list.stdout.trim().split('\n').filter(Boolean);
  const names = rows.map((row) => row.split(',')[0]!.trim());
  return { driver, version: rows[0]?.split(',')[1]?.trim(), names };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
