import { p256, p384, p521 } from "@noble/curves/nist.js";

export const MIN_RSA_BITS = 2_048;
/** More than OpenSSH makes by itself; what is longer takes a guest without hardware for it seconds a login. */
export const MAX_RSA_BITS = 8_192;
/** An RSA key of {@link MAX_RSA_BITS} with its exponent. */
export const MAX_SSH_BLOB_BYTES = 1_100;
/** Of a whole line with its comment. */
const MAX_LINE_CHARS = 2_000;

/** Why a text or blob is no SSH public key that a guest takes. */
export class SshKeyError extends Error {
  override readonly name = "SshKeyError";
}

const CURVES: Readonly<Record<string, { name: string; point: { fromBytes(bytes: Uint8Array): unknown } }>> = {
  "ecdsa-sha2-nistp256": { name: "nistp256", point: p256.Point },
  "ecdsa-sha2-nistp384": { name: "nistp384", point: p384.Point },
  "ecdsa-sha2-nistp521": { name: "nistp521", point: p521.Point },
};

/**
 * One line as in `id_ed25519.pub`: type, base64 and perhaps a comment, which is dropped. The line goes into a guest's
 * authorized_keys, so it has neither options before the type nor a second line.
 * @returns `type base64`
 * @throws {SshKeyError}
 */
export function plainSshKey(line: string): string {
  if (line.length > MAX_LINE_CHARS) throw new SshKeyError(`has more than ${MAX_LINE_CHARS} characters`);
  const [, type = "", base64 = ""] =
    /^([a-z0-9-]{1,40}) ([A-Za-z0-9+/]+={0,2})(?: [^\p{Cc}\p{Zl}\p{Zp}]*)?$/u.exec(line) ?? [];
  if (base64 === "") throw new SshKeyError("is not one line of type, base64 and perhaps a comment");
  const blob = Buffer.from(base64, "base64");
  if (blob.toString("base64") !== base64) throw new SshKeyError("is not in the one form of base64");
  const plain = sshKeyOfBlob(blob);
  if (plain !== `${type} ${base64}`) throw new SshKeyError("is of another type than it says");
  return plain;
}

/** The bytes of a key that {@link plainSshKey} has made. */
export const blobOfSshKey = (plain: string): Uint8Array =>
  Uint8Array.from(Buffer.from(plain.slice(plain.indexOf(" ") + 1), "base64"));

/**
 * Checks a public key as SSH writes it (RFC 4253, section 6.6; RFC 5656, section 3.1; RFC 8709, section 4): Ed25519, RSA of at
 * least {@link MIN_RSA_BITS} bits, or ECDSA with a curve of NIST.
 * @returns `type base64`
 * @throws {SshKeyError}
 */
export function sshKeyOfBlob(blob: Uint8Array): string {
  if (blob.length > MAX_SSH_BLOB_BYTES) throw new SshKeyError(`has more than ${MAX_SSH_BLOB_BYTES} bytes`);
  const strings = sshStrings(blob);
  const type = Buffer.from(strings[0] ?? []).toString("latin1");
  const parts = strings.slice(1);
  const curve = Object.hasOwn(CURVES, type) ? CURVES[type] : undefined;
  if (type === "ssh-ed25519") checkEd25519(parts);
  else if (type === "ssh-rsa") checkRsa(parts);
  else if (curve !== undefined) checkEcdsa(parts, curve);
  else throw new SshKeyError("is neither Ed25519 nor RSA nor ECDSA");
  return `${type} ${Buffer.from(blob).toString("base64")}`;
}

/** The strings of RFC 4251, section 5, that fill a blob to its last byte. */
function sshStrings(blob: Uint8Array): Uint8Array[] {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
  const strings: Uint8Array[] = [];
  let at = 0;
  while (at < blob.length) {
    const end = at + 4 <= blob.length ? at + 4 + view.getUint32(at) : Number.POSITIVE_INFINITY;
    if (end > blob.length) throw new SshKeyError("is cut off");
    strings.push(blob.subarray(at + 4, end));
    at = end;
  }
  return strings;
}

function checkEd25519([key, ...more]: readonly Uint8Array[]): void {
  if (key?.length !== 32 || more.length > 0) throw new SshKeyError("is no Ed25519 key of 32 bytes");
}

function checkRsa([exponent, modulus, ...more]: readonly Uint8Array[]): void {
  if (exponent === undefined || modulus === undefined || more.length > 0) {
    throw new SshKeyError("has not the two numbers of an RSA key");
  }
  const [exponentBits, bits] = [bitsOf(exponent), bitsOf(modulus)];
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    throw new SshKeyError(`has ${bits} bits, not ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`);
  }
  const isOdd = (number: Uint8Array) => ((number.at(-1) ?? 0) & 1) === 1;
  // 1 would leave what is signed as it is; OpenSSL takes no more than 64 bits beside a long modulus.
  if (exponentBits < 2 || exponentBits > 64 || !isOdd(exponent) || !isOdd(modulus)) {
    throw new SshKeyError("has numbers that no RSA key has");
  }
}

/** How long a positive number is (mpint, RFC 4251, section 5: no zero byte in front but for the sign). */
function bitsOf(number: Uint8Array): number {
  const [first = 0, second = 0] = number;
  if (number.length === 0 || first >= 0x80 || (first === 0 && second < 0x80)) {
    throw new SshKeyError("has a number that is not positive or not in its one form");
  }
  return (number.length - 1) * 8 + (first === 0 ? 0 : 32 - Math.clz32(first));
}

function checkEcdsa(
  [name, point, ...more]: readonly Uint8Array[],
  curve: { name: string; point: { fromBytes(bytes: Uint8Array): unknown } },
): void {
  if (name === undefined || point === undefined || more.length > 0) {
    throw new SshKeyError("has not the curve and the point of an ECDSA key");
  }
  if (Buffer.from(name).toString("latin1") !== curve.name)
    throw new SshKeyError("names another curve than its type");
  // OpenSSH takes the uncompressed form alone (sshkey.c, sshkey_ec_validate_public).
  if (point[0] !== 4) throw new SshKeyError("has a point that is not in its uncompressed form");
  try {
    curve.point.fromBytes(point);
  } catch {
    throw new SshKeyError("has a point that is not on its curve");
  }
}
