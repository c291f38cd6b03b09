export { clipArchitecture, type LoadedClip, type LoadOptions, loadClip } from './load.js';
export { saveClip } from './save.js';
