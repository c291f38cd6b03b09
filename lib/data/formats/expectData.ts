import { expectFolder, expectPath } from '../../files/expectPath.js';

/** What a folder of pictures looks like, for messages. */
export const FOLDER_LOOKS = 'train/<class>/pictures';

/** Refuses a path without data. @throws VlltrError ERR_DATA */
export const expectData = (path: string): void =>
  expectPath(path, `a folder that holds ${FOLDER_LOOKS}, or another known layout`);

/** Refuses what is no folder of pictures. @throws VlltrError ERR_DATA */
export const expectImages = (path: string): void => expectFolder(path, 'the folder of the pictures');
