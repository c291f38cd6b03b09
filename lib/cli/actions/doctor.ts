import { describeCards } from '../../runtime/cards.js';
import { type Diagnosis, diagnose } from '../../runtime/doctor.js';
import { COMPUTED_OUTSIDE } from '../../runtime/outside.js';
import { print } from '../terminal.js';

/** The lines of `vl-ltr doctor`: a name and a value each, then what is missing. */
export function format(found: Diagnosis): string {
  const rows: [string, string][] = [
    ['vl-ltr', found.package],
    ['node', `${found.node} on ${found.platform}, ${found.libc}`],
    ['processor', `${found.processor.model}, ${found.processor.cores} cores`],
    ['features', found.processor.features.join(' ') || 'none known'],
    ['memory', `${found.memory} GiB`],
    ['gpu', describeGpu(found)],
    ['cuda', describeCards(found.cuda)],
    ['backend', found.error ? `none: ${found.error}` : `${found.backend} on ${found.device}`],
    ['kernels', found.kernels ? `${found.kernels} on ${found.kernelDevice}` : 'none'],
    ['tensorflow', found.tensorflow ? `${found.tensorflow} in ${found.tensorflowFolder}` : 'not in use'],
    ['steps', describeSteps(found)],
    ['cache', found.cache],
  ];
  for (const one of found.installed) rows.push(['laid out', describeInstalled(one)]);
  for (const reason of found.reasons) rows.push(['why', reason]);
  for (const [name, value] of Object.entries(found.environment)) rows.push([name, value]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (found.lacks.length === 0) lines.push('', 'Nothing is missing.');
  for (const { what, remedy } of found.lacks) lines.push('', `${what}.`, `  ${remedy}`);
  return lines.join('\n');
}

function describeSteps({ capture, kernels }: Diagnosis): string {
  if (!capture) return 'op by op';
  return kernels === 'node' ? `op by op: ${COMPUTED_OUTSIDE}` : 'captured: one TensorFlow function each';
}

function describeGpu({ gpu }: Diagnosis): string {
  if (gpu.names.length) return `${gpu.names.join(', ')} (driver ${gpu.version})`;
  return gpu.driver ? `driver ${gpu.version ?? 'of unknown version'}, no device listed` : 'none';
}

function describeInstalled({ variant, tensorflow, folder, device }: Diagnosis['installed'][number]): string {
  const tested = variant !== 'cuda' ? '' : device === 'cuda' ? ', has computed on a GPU' : ', untested on a device';
  return `${variant} ${tensorflow}${tested}, in ${folder}`;
}

/** Runs `vl-ltr doctor`. */
export async function run(options: { json?: boolean }): Promise<void> {
  const found = await diagnose();
  print(options.json ? found : format(found));
  if (!found.ok) process.exitCode = 1;
}
