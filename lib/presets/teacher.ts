import { join } from 'node:path';
import { packageFolder } from '../runtime/paths.js';

/** The small CLIP that ships with the package: the teacher of Icon-LT, made by `vl-ltr clip`. */
export function shippedTeacher(): string {
  return join(packageFolder(), 'lib', 'presets', 'icon-lt-teacher.safetensors');
}
