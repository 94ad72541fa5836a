import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { isIPv4 } from "node:net";
import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import { addressScope } from "../../mesh/discovery/address-policy.ts";
import { GUEST_LINK } from "../guest-link.ts";

/** The link between a machine and its namespace: what lies in it never reaches the tunnel. */
const GUEST_NETWORK = `${GUEST_LINK.gatewayAddress}/${GUEST_LINK.prefixLength}`;

/** RFC 1918, and RFC 6598 which many VPNs number their ends by. */
const INNER_NETWORKS = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

/** What precedes the 32 raw bytes of an X25519 key in SubjectPublicKeyInfo and in PKCS #8 (RFC 8410, sections 4 and 7). */
const SPKI_PREFIX = Buffer.from("302a300506032b656e032100", "hex");
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");

/** Nobody's: any does, for once it is clamped (RFC 7748, section 5) it is a multiple of the curve's cofactor. */
const ANY_KEY = createPrivateKey({
  key: Buffer.concat([PKCS8_PREFIX, Buffer.alloc(32, 0x55)]),
  format: "der",
  type: "pkcs8",
});

/** @returns what is wrong with a WireGuard public key in base64, or undefined */
export function wireguardKeyProblem(text: string): string | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== 32 || bytes.toString("base64") !== text) return "is not 32 bytes in base64";
  const key = Buffer.concat([SPKI_PREFIX, bytes]);
  const publicKey = createPublicKey({ key, format: "der", type: "spki" });
  try {
    // All zero comes of points of low order alone (RFC 7748, section 6.1): the tunnel's keys would be known to everybody.
    diffieHellman({ privateKey: ANY_KEY, publicKey });
    return undefined;
  } catch {
    return "is a point of low order, with which nothing is secret";
  }
}

/**
 * An address that WireGuard may be pointed at, in its one form.
 * @returns undefined for a name, for what reaches this host, nobody, everybody or a group, for a link-local address, which means
 * nothing elsewhere, and for IPv4 in IPv6's clothes
 */
export function endpointAddress(text: string): string | undefined {
  const plain = canonicalIp(text);
  if (text.includes("%") || plain === undefined || plain.includes(":") !== text.includes(":"))
    return undefined;
  const scope = addressScope(plain);
  return scope === "public" || scope === "private" ? plain : undefined;
}

/** @returns what is wrong with an IPv4 address inside the tunnel, or undefined */
export function innerAddressProblem(text: string): string | undefined {
  if (!isIPv4(text) || !INNER_NETWORKS.some((network) => isInPrefix(text, network))) {
    return `is no IPv4 address of ${INNER_NETWORKS.join(", ")}`;
  }
  return isInPrefix(text, GUEST_NETWORK) ? `is in ${GUEST_NETWORK}, the machine's own link` : undefined;
}
