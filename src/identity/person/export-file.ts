import { decodeCborArray, encodeCbor } from "../cbor.ts";
import { AgeFileError, openAgeFile, sealAgeFile } from "./age-file.ts";

// Browsers run this too: no Buffer, nothing of Node's.

/** An export that cannot be made or read. */
export class ExportError extends Error {
  override readonly name = "ExportError";
  constructor(
    /** What is wrong: `passphrase`, `export.secret`. */
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

/** Everything by which a person is who they are, on another device as well. */
export interface PersonExport {
  /** Of their `PersonKey`, 32 bytes. */
  secret: Uint8Array;
  /** What else is kept, in its own form: prekeys, sessions, names. At most {@link MAX_STATE_BYTES}. */
  state: Uint8Array;
}

export const MIN_PASSPHRASE_CHARS = 10;
export const MAX_STATE_BYTES = 4 * 1024 * 1024;
/**
 * scrypt with N = 2^15 and r = 8 takes 32 MiB, which a phone with 1 GB has, and 0.1 s here: about a second on a phone of five years
 * ago, whose JavaScript is some ten times slower.
 */
const WORK_FACTOR = 15;
/** Of a file that another program has made: 256 MiB. */
const MAX_WORK_FACTOR = 18;
const VERSION = 1;

/**
 * Seals an export with a passphrase, as a file that `age --decrypt` opens as well. In it is deterministic CBOR: `[1, secret, state]`.
 * @param random bytes that nobody can guess
 * @throws {ExportError} when the passphrase is too short, or there is too much
 */
export async function sealExport(
  { secret, state }: PersonExport,
  passphrase: string,
  random: (bytes: number) => Uint8Array,
  workFactor = WORK_FACTOR,
): Promise<Uint8Array> {
  const length = [...passphrase].length;
  if (length < MIN_PASSPHRASE_CHARS) {
    throw new ExportError("passphrase", `${length} characters; it needs at least ${MIN_PASSPHRASE_CHARS}`);
  }
  if (state.length > MAX_STATE_BYTES) {
    throw new ExportError("state", `${state.length} bytes, more than ${MAX_STATE_BYTES}`);
  }
  return sealAgeFile(encodeCbor([VERSION, secret, state]), passphrase, workFactor, random);
}

/** @throws {ExportError} when it is no such file, or the passphrase another one */
export async function openExport(file: Uint8Array, passphrase: string): Promise<PersonExport> {
  const error = (field: string, why: string) => new ExportError(field, why);
  if (file.length > MAX_STATE_BYTES * 2) throw error("export", `${file.length} bytes: too long`);
  let bytes: Uint8Array;
  try {
    bytes = await openAgeFile(file, passphrase, MAX_WORK_FACTOR);
  } catch (cause) {
    if (cause instanceof AgeFileError) throw error("export", cause.message);
    throw cause;
  }
  const fields = decodeCborArray(bytes, MAX_STATE_BYTES + 100, "export", error);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const secret = fields.bytes("secret", 32);
  const state = fields.bytes("state", 0, MAX_STATE_BYTES);
  fields.end();
  return { secret, state };
}
