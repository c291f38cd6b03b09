import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, realpath, rename, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { check, VlltrError } from '../errors.js';
import { ZipArchive } from '../files/zip.js';
import { linkCudaLibraries, mirrorCuda } from './cudaLibraries.js';
import { cacheFolder, shortHash, userTensorFlow } from './paths.js';
import { formatBytes, type Log, TransferProgress } from './progress.js';
import { fetchWheel, packageName, requirePip, type Wheel } from './wheel.js';
import { CUDA_BYTES, planCuda, TENSORFLOW_VERSION, TENSORFLOW_WHEELS } from './wheels.js';
import { withWorkFolder } from './workFolder.js';

/** Which TensorFlow: the CPU wheel, the CUDA wheel, or the user's own (`VLLTR_TENSORFLOW_DIR`). */
export type Variant = 'cpu' | 'cuda' | 'user';

/** An unpacked libtensorflow: `<folder>/tensorflow/{libtensorflow_*.so.2,include}`, CUDA in `<folder>/nvidia`. */
export interface Layout {
  readonly variant: Variant;
  readonly folder: string;
}

interface LayoutStamp {
  readonly format: 1;
  readonly variant: Variant;
  readonly source: string;
  readonly wheels: readonly { requirement: string; sha256?: string }[];
  /** Sizes in bytes by path below the folder. */
  readonly files: Readonly<Record<string, number>>;
}

const STAMP = 'layout.json';

/** What the binding and its build need of TensorFlow's wheel. */
const NEEDED =
  /^tensorflow\/(libtensorflow_(cc|framework)\.so\.2|include\/(tensorflow\/(c\/|core\/platform\/ctstring)|tsl\/platform\/|xla\/tsl\/(c|platform)\/).*|THIRD_PARTY_NOTICES\.txt)$/;
/**
 * What TensorFlow opens at run time out of an NVIDIA wheel: libraries, less the doubles and tools that nothing of it
 * opens (0.3 GB), and nvcc's assembler and device code for XLA.
 */
const NEEDED_CUDA =
  /^nvidia\/[^/]+\/(lib\/(?!lib(cusolverMg|cufftw|nvblas|checkpoint|pcsamplingutil)\.|.+\.alt\.).+\.so[.0-9]*|bin\/ptxas|nvvm\/libdevice\/.+)$/;

/** Bytes that the unpacked libraries and a wheel, which pip holds twice for a moment, take together at the most. */
const SPACE = { cpu: 1.6e9, cuda: 7e9 };

/** The folder where a variant lies once it is laid out. */
export function layoutFolder(variant: Variant): string {
  if (variant !== 'user') return join(cacheFolder(), `tensorflow-${TENSORFLOW_VERSION}-${variant}`);
  return join(cacheFolder(), `tensorflow-user-${shortHash([userTensorFlow() ?? ''])}`);
}

/** The layout of a variant if it is there and whole: set-up writes its stamp last, and every size is compared. */
export function findLayout(variant: Variant): Layout | undefined {
  const folder = layoutFolder(variant);
  try {
    const stamp = JSON.parse(readFileSync(join(folder, STAMP), 'utf8')) as LayoutStamp;
    if (stamp.format !== 1 || stamp.variant !== variant) return undefined;
    for (const [name, size] of Object.entries(stamp.files)) {
      if (statSync(join(folder, name)).size !== size) return undefined;
    }
    return { variant, folder };
  } catch {
    return undefined;
  }
}

/**
 * Lays out a variant of TensorFlow, or returns the one that is there. All work happens in a temporary folder that is
 * renamed at the end: a process killed half-way leaves nothing that is believed later.
 * @throws VlltrError ERR_SETUP in one line
 */
export async function layOut(variant: Variant, log: Log): Promise<Layout> {
  const present = findLayout(variant);
  if (present) return present;
  const folder = layoutFolder(variant);
  return withWorkFolder(dirname(folder), async (work) => {
    const inside = join(work, 'layout');
    await mkdir(inside);
    const stamp = variant === 'user' ? await linkUserFolder(inside) : await unpackWheels(variant, work, inside, log);
    await writeFile(join(inside, STAMP), `${JSON.stringify(stamp, null, 1)}\n`);
    if (findLayout(variant)) return { variant, folder }; // another process was faster
    // Moved, not emptied where it lies: whoever lays out beside us may have put a whole one there by the time.
    await rename(folder, join(work, 'damaged')).catch(() => undefined);
    await rename(inside, folder).catch((error: NodeJS.ErrnoException) => {
      if (!findLayout(variant)) throw error;
    });
    return { variant, folder };
  });
}

async function unpackWheels(variant: 'cpu' | 'cuda', work: string, inside: string, log: Log): Promise<LayoutStamp> {
  check(
    process.platform === 'linux' && process.arch === 'x64',
    'ERR_SETUP',
    () =>
      `TensorFlow ${TENSORFLOW_VERSION} is fetched for linux-x64 only, this is ${process.platform}-${process.arch}: ` +
      'name one of your own with VLLTR_TENSORFLOW_DIR.',
  );
  const disk = await statfs(work);
  const free = disk.bavail * disk.bsize;
  check(
    free > SPACE[variant],
    'ERR_SETUP',
    () => `${dirname(work)} has ${formatBytes(free)} free; TensorFlow needs ${formatBytes(SPACE[variant])} there.`,
  );
  if (variant === 'cuda') requirePip('through which alone the CUDA libraries come'); // before the first download
  const files: Record<string, number> = {};
  const wheel = TENSORFLOW_WHEELS[variant];
  const more = variant === 'cuda' ? `, then CUDA libraries of ${formatBytes(CUDA_BYTES)}` : '';
  log(`Fetching ${wheel.requirement} (${formatBytes(wheel.size)}${more}) …`);
  const source = process.env.VLLTR_TENSORFLOW_WHEEL || undefined;
  const path = await fetchWheel(wheel, work, log, source);
  const metadata = await unpack(path, wheel, NEEDED, inside, files, log);
  if (path.startsWith(work)) await rm(path); // 0.3 GB that nothing needs again
  const planned: Wheel[] = variant === 'cuda' ? planCuda(metadata) : [];
  for (const [index, library] of planned.entries()) {
    const size = library.size ? `, ${formatBytes(library.size)}` : '';
    log(`Fetching ${library.requirement} (CUDA library ${index + 1} of ${planned.length}${size}) …`);
    const part = join(work, `cuda-${index}`);
    await mkdir(part);
    await unpack(await fetchWheel(library, part, log), library, NEEDED_CUDA, inside, files, log);
    await rm(part, { recursive: true });
  }
  for (const link of await linkCudaLibraries(join(inside, 'nvidia'))) {
    files[`nvidia/${link}`] = (await stat(join(inside, 'nvidia', link))).size;
  }
  const wheels = [wheel, ...planned].map(({ requirement, sha256 }) => ({ requirement, sha256 }));
  return { format: 1, variant, source: source ? basename(source) : 'pip', wheels, files };
}

/** Unpacks the needed files of a wheel and returns the text of its METADATA. */
async function unpack(
  path: string,
  wheel: Wheel,
  needed: RegExp,
  folder: string,
  files: Record<string, number>,
  log: Log,
): Promise<string> {
  const archive = await ZipArchive.open(path);
  try {
    const entries = archive.entries.filter((entry) => needed.test(entry.name));
    const metadata = archive.entries.find((entry) => /^[^/]+\.dist-info\/METADATA$/.test(entry.name));
    check(entries.length && metadata, 'ERR_SETUP', () => `${basename(path)} holds none of the files that are needed.`);
    const progress = new TransferProgress(
      `Unpacking ${packageName(wheel)}`,
      entries.reduce((sum, entry) => sum + entry.size, 0),
      log,
    );
    let done = 0;
    for (const entry of entries) {
      await archive.extract(entry, folder, (count) => {
        done += count;
        progress.update(done);
      });
      files[entry.name] = entry.size;
    }
    progress.end();
    return (await archive.read(metadata)).toString('utf8');
  } finally {
    await archive.close();
  }
}

/**
 * A layout of links to the user's own libtensorflow: the folder `tensorflow` of an installed wheel, its parent, or an
 * unpacked libtensorflow archive (`lib/`, `include/`).
 */
async function linkUserFolder(inside: string): Promise<LayoutStamp> {
  const given = userTensorFlow();
  check(given, 'ERR_INTERNAL', () => 'VLLTR_TENSORFLOW_DIR is not set.');
  const roots = [given, join(given, 'tensorflow'), join(given, 'lib')];
  const libraries = roots.find((root) => existsSync(join(root, 'libtensorflow_framework.so.2')));
  check(
    libraries,
    'ERR_SETUP',
    () =>
      `VLLTR_TENSORFLOW_DIR (${given}) holds no libtensorflow_framework.so.2, nor do its folders tensorflow and lib.`,
  );
  const include = [join(libraries, 'include'), join(given, 'include')].find((root) =>
    existsSync(join(root, 'tensorflow/c/eager/c_api.h')),
  );
  const target = join(inside, 'tensorflow');
  await mkdir(target);
  // Needed only where the binding is built: an installed package brings it prebuilt.
  if (include) await symlink(await realpath(include), join(target, 'include'));
  const files: Record<string, number> = {};
  for (const name of await readdir(libraries)) {
    if (!/^libtensorflow(_cc|_framework)?\.so\.2$/.test(name)) continue;
    const real = await realpath(join(libraries, name));
    await symlink(real, join(target, name));
    files[`tensorflow/${name}`] = (await stat(real)).size;
  }
  // CUDA's libraries are looked for beside the folder `tensorflow`, where the NVIDIA wheels unpack them.
  const nvidia = join(dirname(libraries), 'nvidia');
  if (existsSync(nvidia)) {
    await mirrorCuda(nvidia, join(inside, 'nvidia'));
    await linkCudaLibraries(join(inside, 'nvidia'));
  }
  return { format: 1, variant: 'user', source: given, wheels: [], files };
}

/** An error of this file as the one line that set-up prints. */
export function oneLine(error: unknown): string {
  if (error instanceof VlltrError) return error.message;
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}
