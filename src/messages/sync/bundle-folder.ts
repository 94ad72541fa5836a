import { constants } from "node:fs";
import { lstat, mkdir, open, opendir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { BundleError } from "../bundle/bundle.ts";
import { type Batch, decodeBatch, MAX_BATCH_BYTES } from "./batch-file.ts";
import { STICK_FOLDER } from "./sticks.ts";

/** A folder or stick that cannot be used. */
export class FolderError extends Error {
  override readonly name = "FolderError";
  constructor(
    /** Its path. */
    readonly folder: string,
    why: string,
  ) {
    super(`${folder}: ${why}`);
  }
}

/** `messages-00001.omb`, and `….omb.part` while it is written; one that stayed so was cut off, and is read as far as it goes. */
const BATCH_NAME = /^messages-(\d{5})\.omb(\.part)?$/;
const MAX_NUMBER = 99_999;
/** More in one folder are not looked at: nobody's box may be kept busy by a stick. */
const MAX_ENTRIES = 20_000;
const MAX_BATCHES = 4_000;

const README = `Messages of Omerta boxes

This folder carries messages from box to box where no radio reaches.

1. Pull this stick out of the box.
2. Carry it to another Omerta box and plug it in.
3. Wait a minute. That box takes the messages and leaves its own here.

Many people's messages are in here: calls for help, "I am safe", letters.
Letters to one person are sealed: only that person can read them.
The other messages anybody may read who has this stick.

You may copy the files messages-*.omb, or delete them. Nothing breaks.
`;

export interface BatchName {
  name: string;
  number: number;
  isPart: boolean;
}

/** The folder of messages: what was named, where that is it, or the one in what was named. */
export const messagesFolder = (folder: string): string =>
  basename(folder) === STICK_FOLDER ? folder : join(folder, STICK_FOLDER);

export const batchName = (number: number): string => `messages-${String(number).padStart(5, "0")}.omb`;

/** Makes the folder where it is missing, and says in it what it is. @throws {FolderError} */
export async function openFolder(folder: string): Promise<void> {
  await mkdir(folder).catch((error) => {
    if (codeOf(error) !== "EEXIST") throw new FolderError(folder, String(error));
  });
  await mustBeFolder(folder);
  // Only where there is none: people may write their own.
  await writeFile(join(folder, "README.txt"), README.replaceAll("\n", "\r\n"), { flag: "wx" }).catch(
    (error) => {
      // A full stick may still have messages to give.
      if (!["EEXIST", "ENOSPC"].includes(codeOf(error))) throw new FolderError(folder, String(error));
    },
  );
}

/** A link could lead anywhere on the box. @throws {FolderError} */
export async function mustBeFolder(folder: string): Promise<void> {
  const found = await lstat(folder).catch((error) => {
    throw new FolderError(folder, String(error));
  });
  if (!found.isDirectory()) throw new FolderError(folder, "is no folder");
}

/** The files of bundles in a folder, in the order of their numbers, and the first number that is free. */
export async function batchesIn(folder: string): Promise<{ names: BatchName[]; nextNumber: number }> {
  const names: BatchName[] = [];
  let highest = 0;
  let seen = 0;
  for await (const { name } of await opendir(folder)) {
    seen += 1;
    if (seen > MAX_ENTRIES) throw new FolderError(folder, `has more than ${MAX_ENTRIES} files`);
    const match = BATCH_NAME.exec(name);
    if (match === null) continue;
    const number = Number(match[1]);
    highest = Math.max(highest, number);
    names.push({ name, number, isPart: match[2] !== undefined });
  }
  if (names.length > MAX_BATCHES)
    throw new FolderError(folder, `has more than ${MAX_BATCHES} files of messages`);
  names.sort((a, b) => a.number - b.number);
  if (highest === MAX_NUMBER) throw new FolderError(folder, `has a file with the last number, ${MAX_NUMBER}`);
  return { names, nextNumber: highest + 1 };
}

/** @returns undefined where the file is none of ours: no plain file, too large, or of something else */
export async function readBatch(folder: string, name: string): Promise<Batch | undefined> {
  // A link could lead to a file of the box, and a FIFO would be waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(folder, name), flags).catch((error) => {
    if (["ELOOP", "ENXIO", "EACCES"].includes(codeOf(error))) return undefined;
    throw new FolderError(folder, String(error));
  });
  if (file === undefined) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > MAX_BATCH_BYTES) return undefined;
    const bytes = new Uint8Array(found.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return decodeBatch(bytes.subarray(0, length));
  } catch (error) {
    if (error instanceof BundleError) return undefined;
    throw new FolderError(folder, String(error));
  } finally {
    await file.close();
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "";
