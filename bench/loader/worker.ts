/** A participant in Node: `worker.js DECODING`. */
import { join } from 'node:path';
import { ViewPool } from '../../lib/data/loader/pool.js';
import { PictureFiles } from '../../lib/data/pictureFiles.js';
import type { Decoding } from '../../lib/training/views.js';
import { participate } from '../support/participate.js';
import type { Prepare, Ran, Request } from './protocol.js';

/** Batches prepared ahead, as the training loop has them. */
const AHEAD = 4;

function prepare({ folder, pictures, workers, batch, size }: Prepare, decode: Decoding) {
  const ids = Array.from({ length: pictures }, (_, i) => `${i}.jpg`);
  const labels = new Int32Array(pictures);
  const loading = { pool: new ViewPool(workers), served: async () => {} };
  const images = new PictureFiles(ids, labels, (id) => join(folder, id), size, loading);
  const load = (epoch: number, from: number) => {
    const indices = Array.from({ length: Math.min(batch, pictures - from) }, (_, i) => from + i);
    const augment = { preset: 'imagenet' } as const;
    return images.views(indices, size, { kind: 'train', augment, decode, seed: epoch, step: from, stream: 'view' });
  };
  return async (epoch: number): Promise<Ran> => {
    const before = process.cpuUsage();
    const start = performance.now();
    const pending: ReturnType<typeof load>[] = [];
    for (let from = 0; from < pictures || pending.length > 0; from += batch) {
      if (from < pictures) pending.push(load(epoch, from));
      if (pending.length > AHEAD || from >= pictures) await pending.shift();
    }
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(before);
    return { seconds, processor: (user + system) / 1e6 };
  };
}

await participate<Request>(async () => {
  const decode = process.argv[2] as Decoding;
  let run: ReturnType<typeof prepare> | undefined;
  const answer = async (request: Request): Promise<object> => {
    if (request.do === 'run') return run!(request.epoch);
    run = prepare(request, decode);
    return {};
  };
  return { what: `vl-ltr, ${decode}, Node ${process.version}`, answer };
});
