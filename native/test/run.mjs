// Builds and runs the tests of native/ three times: as shipped, under AddressSanitizer with
// UndefinedBehaviorSanitizer, and under ThreadSanitizer.
// Usage: node native/test/run.mjs [plain] [address] [thread]     (default: all three)
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const builds = { plain: '', address: 'address,undefined', thread: 'thread' };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(builds);

function run(command, args, quiet) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: quiet ? 'pipe' : 'inherit',
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${command} ${error ? error.message : 'failed'}\n`);
  process.exit(1);
}

for (const name of wanted) {
  if (!(name in builds)) {
    process.stderr.write(`no build "${name}", expected: ${Object.keys(builds).join(', ')}\n`);
    process.exit(2);
  }
  const folder = `build/native-test/${name}`;
  run('cmake', ['-S', '.', '-B', folder, '-DVLLTR_TESTS=ON', `-DVLLTR_SANITIZE=${builds[name]}`], true);
  run('cmake', ['--build', folder, '--parallel', '2'], true);
  process.stdout.write(`native tests, ${name}\n`);
  run('ctest', ['--test-dir', folder, '--output-on-failure'], false);
}
