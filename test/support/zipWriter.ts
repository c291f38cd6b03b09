import { crc32, deflateRawSync } from 'node:zlib';

/** A zip archive of some files: texts deflated, bytes stored; made on Unix if `modes` names some. */
export function zip(files: Record<string, string | Buffer>, modes?: Record<string, number>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, content] of Object.entries(files)) {
    const name = Buffer.from(path);
    const data = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
    const stored = typeof content !== 'string' || content === '';
    const packed = stored ? data : deflateRawSync(data);
    const fields = Buffer.alloc(26); // version … extra length, the part both headers share
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(stored ? 0 : 8, 4);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, name, packed]);
    const place = Buffer.alloc(14);
    place.writeUInt16LE(modes?.[path] ?? 0, 8);
    place.writeUInt32LE(offset, 10);
    const signature = Buffer.from(`PK\x01\x02\x14${modes ? '\x03' : '\x00'}`, 'latin1');
    directory.push(Buffer.concat([signature, fields, place, name]));
    locals.push(local);
    offset += local.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, listing, end]);
}
