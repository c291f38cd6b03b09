import { execFileSync } from 'node:child_process';

/** The oldest C library that Node 20 runs on. */
const OLDEST_GLIBC = '2.28';

/** Refuses a file that would ask for more than the oldest C library, or for a C++ runtime. */
export function checkPortable(path, oldest = OLDEST_GLIBC) {
  const told = execFileSync('objdump', ['-p', path], { encoding: 'utf8' });
  const newer = [...told.matchAll(/\bGLIBC_(\d+\.\d+)/g)].map((match) => match[1]);
  const number = (version) => Number(version.split('.')[1]);
  const worst = newer.sort((a, b) => number(a) - number(b)).at(-1);
  if (worst && number(worst) > number(oldest))
    throw new Error(`${path} needs glibc ${worst}, the most is ${oldest}: see bindings/glibc.cc`);
  const needed = [...told.matchAll(/NEEDED\s+(\S+)/g)].map((match) => match[1]);
  const foreign = needed.filter((name) => !/^(libc|libm|ld-linux.*|libtensorflow\w*)\.so/.test(name));
  if (foreign.length > 0) throw new Error(`${path} needs ${foreign.join(', ')}, expected libc and libm alone`);
}
