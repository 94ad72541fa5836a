import { z } from "zod";
import { membershipSchema } from "./membership-document.ts";

/** With its key agreements it is the largest part of what a box knows of identities, and no open network needs it. */
const age = () => import("age-encryption");

/** An export that cannot be made or read. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

const schema = z.strictObject({
  omertaBox: z.literal("export 1"),
  /** PKCS #8 in PEM. */
  deviceKey: z.string().max(1_000),
  networks: z.array(membershipSchema).max(1_000),
});

/** Everything by which a box is who it is. */
export type Backup = Omit<z.infer<typeof schema>, "omertaBox">;

export const MIN_PASSPHRASE_CHARS = 10;
/** scrypt with N = 2^16 and r = 8 takes 64 MiB: a small box has 512, of which age's own 2^18 would take half. */
const WORK_FACTOR = 16;
/** Of a file that somebody else has made: 256 MiB. */
const MAX_WORK_FACTOR = 18;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Seals an export with a passphrase, as a file that `age --decrypt` opens as well: JSON, with a scrypt recipient
 * (https://age-encryption.org/v1).
 * @throws {BackupError} when the passphrase is too short
 */
export async function sealBackup(
  backup: Backup,
  passphrase: string,
  workFactor = WORK_FACTOR,
): Promise<Uint8Array> {
  const length = [...passphrase].length;
  if (length < MIN_PASSPHRASE_CHARS) {
    throw new BackupError(
      `passphrase: ${length} characters; it needs at least ${MIN_PASSPHRASE_CHARS}, five random words are better`,
    );
  }
  const { Encrypter } = await age();
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return encrypter.encrypt(`${JSON.stringify({ omertaBox: "export 1", ...backup }, null, 2)}\n`);
}

/** @throws {BackupError} when it is no such file, or the passphrase another one */
export async function openBackup(bytes: Uint8Array, passphrase: string): Promise<Backup> {
  if (bytes.length > MAX_BYTES)
    throw new BackupError(`export: ${bytes.length} bytes, more than ${MAX_BYTES}`);
  checkHeader(bytes);
  const parsed = schema.safeParse(readJson(await decrypted(bytes, passphrase)));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new BackupError(`export.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is malformed"}`);
  }
  const { deviceKey, networks } = parsed.data;
  return { deviceKey, networks };
}

/** How much work the file asks for is looked at before it is done. */
function checkHeader(bytes: Uint8Array): void {
  const header = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  const [, factor] =
    /^age-encryption\.org\/v1\n-> scrypt [A-Za-z0-9+/]{22} ([1-9][0-9]?)\n/.exec(header) ?? [];
  if (factor === undefined) throw new BackupError("export: is no age file with a passphrase");
  if (Number(factor) > MAX_WORK_FACTOR) {
    throw new BackupError(`export: its scrypt work factor is ${factor}, more than ${MAX_WORK_FACTOR}`);
  }
}

async function decrypted(bytes: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const { Decrypter } = await age();
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return await decrypter.decrypt(bytes);
  } catch {
    throw new BackupError("export: the passphrase is wrong, or the file is damaged");
  }
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new BackupError("export: has no JSON in it");
  }
}
