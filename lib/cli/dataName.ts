import { resolve } from 'node:path';

const ICON_LT = /^icon-lt(?:-(\d+))?$/;

/** Whether a data set's name means Icon-LT rather than a folder. */
export const isIconLt = (name: string): boolean => ICON_LT.test(name);

/** A data set as config.json names it: the same from whatever folder the command is given. */
export const dataName = (name: string): string => (isIconLt(name) ? name : resolve(name));

/** Classes of an Icon-LT by its name; undefined for a folder. */
export function iconLtClasses(name: string): number | undefined {
  const preset = ICON_LT.exec(name);
  return preset ? Number(preset[1] ?? 300) : undefined;
}
