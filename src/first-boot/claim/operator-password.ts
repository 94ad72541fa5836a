import { scrypt, timingSafeEqual } from "node:crypto";
import { z } from "zod";

export const MIN_PASSWORD_CHARS = 10;
export const MAX_PASSWORD_CHARS = 200;

/** A password as it is kept: scrypt (RFC 7914) with what it was made with, so that later versions can ask for more. */
export const passwordSchema = z.looseObject({
  /** Base64, 16 bytes. */
  salt: z.string().max(64),
  /** Base64, 32 bytes. */
  hash: z.string().max(64),
  n: z.int().min(1_024).max(1_048_576),
  r: z.int().min(1).max(32),
  p: z.int().min(1).max(16),
});

export type KeptPassword = z.infer<typeof passwordSchema>;

/** RFC 7914's N, r and p. */
export type PasswordCost = Pick<KeptPassword, "n" | "r" | "p">;

/** 16 MiB and some tens of milliseconds of a small board: more would let whoever asks often keep it from its work. */
const COST: PasswordCost = { n: 16_384, r: 8, p: 1 };
const HASH_BYTES = 32;

/** @param salt 16 random bytes */
export async function keepPassword(
  password: string,
  salt: Uint8Array,
  cost: PasswordCost = COST,
): Promise<KeptPassword> {
  const hash = await hashed(password, salt, cost);
  return { salt: Buffer.from(salt).toString("base64"), hash: hash.toString("base64"), ...cost };
}

/** In constant time for passwords that are not it. */
export async function isPassword(kept: KeptPassword, typed: string): Promise<boolean> {
  const hash = await hashed(typed.slice(0, MAX_PASSWORD_CHARS), Buffer.from(kept.salt, "base64"), kept);
  const known = Buffer.from(kept.hash, "base64");
  return known.length === hash.length && timingSafeEqual(known, hash);
}

function hashed(password: string, salt: Uint8Array, { n, r, p }: PasswordCost): Promise<Buffer> {
  const options = { N: n, r, p, maxmem: 256 * n * r };
  return new Promise((resolve, reject) => {
    // The same letters may be written in two ways (Unicode normalisation), and two keyboards differ in that.
    scrypt(password.normalize("NFKC"), salt, HASH_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
