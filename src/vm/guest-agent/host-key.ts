import { ed25519 } from "@noble/curves/ed25519.js";

const TYPE = "ssh-ed25519";

/** A machine's own key, by which whoever logs in knows it again. */
export interface HostKey {
  /** As OpenSSH writes it: the type and base64. */
  publicKey: string;
  /** The private key as dropbear keeps it in a file. */
  dropbear: Uint8Array;
}

/**
 * A machine's key made on the host: in the guest it takes longer, above all in emulation, and the host can tell the
 * requester of it by a way that the guest has no hand in.
 * @param secret 32 random bytes
 */
export function hostKeyFrom(secret: Uint8Array): HostKey {
  const point = ed25519.getPublicKey(secret);
  // RFC 8709, section 4; signed_key of dropbear 2022.83: buf_put_ed25519_priv_key in src/ed25519.c.
  const publicKey = Buffer.concat([sshString(Buffer.from(TYPE)), sshString(point)]);
  const both = Buffer.concat([secret, point]);
  return {
    publicKey: `${TYPE} ${publicKey.toString("base64")}`,
    dropbear: Buffer.concat([sshString(Buffer.from(TYPE)), sshString(both)]),
  };
}

/** RFC 4251, section 5: its length in four bytes, and itself. */
function sshString(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
