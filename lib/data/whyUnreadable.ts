import { VlltrError } from '../errors.js';

/** What is wrong with a file, by the system's code. */
const SYSTEM: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'its permissions forbid it',
  EPERM: 'its permissions forbid it',
  EISDIR: 'it is a folder',
  ELOOP: 'its links go in a circle',
  ENAMETOOLONG: 'its name is too long',
};

/** What is wrong with a picture, by what the decoder says of it. */
const DECODER: [RegExp, string][] = [
  [/is empty/i, 'the file is empty'],
  [/unsupported image format/i, 'it is no picture of a format that is read'],
  [/exceeds pixel limit/i, 'it has more pixels than are read'],
];

/** Lines of a decoder are many where it tries more than one way. */
const LINES = 2;

/** Why a picture cannot be read, the words of whoever noticed it behind ours. */
export function whyUnreadable(cause: unknown): string {
  if (cause instanceof VlltrError) return cause.message;
  const { code, message } = cause as NodeJS.ErrnoException;
  const known = SYSTEM[code ?? ''];
  if (known !== undefined) return `${known} (${code})`;
  const lines = [...new Set(message.split('\n').map((line) => line.trim()))].filter((line) => line !== '');
  const theirs = lines.slice(0, LINES).join('; ');
  if (code !== undefined) return theirs;
  return `${DECODER.find(([words]) => words.test(message))?.[1] ?? 'it is damaged or cut off'} (${theirs})`;
}

/** Why a reading says that a picture cannot be read; undefined where it can be. Any other error goes on to the caller. */
async function refusal(read: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await read();
    return undefined;
  } catch (error) {
    if (!(error instanceof VlltrError) || error.code !== 'ERR_DATA') throw error;
    return error.message;
  }
}

/**
 * Why a picture cannot be read; undefined where it can be. Once the folder of them all is seen to serve it is read again: the
 * folder may have been away for just that moment.
 * @param served throws where no picture can be read for now
 */
export async function lastingRefusal(
  read: () => Promise<unknown>,
  served: () => Promise<void>,
): Promise<string | undefined> {
  if ((await refusal(read)) === undefined) return undefined;
  await served();
  return refusal(read);
}
