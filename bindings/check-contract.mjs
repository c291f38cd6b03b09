// Compares bindings/addon.ts and pictures.ts with the C++: names and number of arguments of the addon's functions, and the names of the
// TensorFlow ops. Prints each difference and exits with 1 if there is one.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const read = (name) => readFileSync(folder + name, 'utf8');
const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');

/** The source that declares the addon's functions. */
export const contract = () => read('addon.ts') + read('pictures.ts');

/** Methods of `interface Addon` and of those that it extends: name -> number of parameters. */
export function declared(source) {
  const interfaces = withoutComments(source).matchAll(/interface \w*Addon(?: extends \w+)? \{([\s\S]*?\n)\}/g);
  const body = [...interfaces].map(([, methods]) => methods).join('');
  const methods = body.matchAll(/^ {2}(\w+)\(([\s\S]*?)\): [\w\s[\]<>]+;/gm);
  return new Map([...methods].map(([, name, list]) => [name, (list.match(/\w+\??:/g) ?? []).length]));
}

/** Rows of `kMethods`: name -> arity. */
export function exported(source) {
  const table = /kMethods\[\] = \{([\s\S]*?)\n\};/.exec(withoutComments(source))?.[1] ?? '';
  return new Map([...table.matchAll(/\{"(\w+)",\s*(\d+),/g)].map(([, name, arity]) => [name, Number(arity)]));
}

/** Every difference between the two sides, in words. */
export function differences(typescript, addon, tensorflow) {
  const found = [];
  const left = declared(typescript);
  const right = exported(addon);
  if (left.size === 0) found.push('addon.ts: no interface Addon could be read');
  if (right.size === 0) found.push('addon.cc: no table kMethods could be read');
  for (const [name, count] of left) {
    if (!right.has(name)) found.push(`${name}: in addon.ts, not in addon.cc`);
    else if (right.get(name) !== count)
      found.push(`${name}: ${count} parameters in addon.ts, ${right.get(name)} in addon.cc`);
  }
  for (const name of right.keys()) if (!left.has(name)) found.push(`${name}: in addon.cc, not in addon.ts`);

  const list = /TENSORFLOW_OPS = \[([\s\S]*?)\]/.exec(typescript)?.[1] ?? '';
  const named = new Set([...list.matchAll(/'(\w+)'/g)].map(([, name]) => name));
  const registered = new Set([...withoutComments(tensorflow).matchAll(/\{"(Vlltr\w+)",/g)].map(([, name]) => name));
  for (const name of named) if (!registered.has(name)) found.push(`${name}: in TENSORFLOW_OPS, not in tensorflow/`);
  for (const name of registered) if (!named.has(name)) found.push(`${name}: in tensorflow/, not in TENSORFLOW_OPS`);
  return found;
}

/** The differences in this checkout. */
export function checkContract() {
  const tensorflow = readdirSync(`${folder}tensorflow`).filter((name) => name.endsWith('.cc'));
  return differences(
    contract(),
    read('node/addon.cc'),
    tensorflow.map((name) => read(`tensorflow/${name}`)).join('\n'),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = checkContract();
  for (const difference of found) process.stderr.write(`${difference}\n`);
  process.exit(found.length ? 1 : 0);
}
