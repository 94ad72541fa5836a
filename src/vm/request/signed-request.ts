import { bytesToIp, ipToBytes } from "../../host/ip-address.ts";
import { type Cbor, decodeCborArray, encodeCbor, type Fields } from "../../identity/cbor.ts";
import { KEY_BYTES, SIGNATURE_BYTES, type SigningKey, verify } from "../../identity/signing-key.ts";
import {
  type LeaseRequest,
  MAX_ACTIVITY_CHARS,
  MAX_DURATION_S,
  MAX_TIME_MS,
  MOST_RESOURCES,
  parseLeaseRequest,
  RESTORE_KEY_BYTES,
} from "./lease-request.ts";
import { LeaseRequestError } from "./lease-request-error.ts";
import { blobOfSshKey, MAX_SSH_BLOB_BYTES, SshKeyError, sshKeyOfBlob } from "./ssh-public-key.ts";

/** With the longest of everything it has 3,400. */
export const MAX_SIGNED_REQUEST_BYTES = 4_096;

const DOMAIN = Buffer.from("omerta-box lease request 1\0");
/** The second has what a machine is restored from as well. Whatever can be said in the first is. */
const VERSION = 1;
const RESTORING_VERSION = 2;
const ID_BYTES = 16;
const NETWORK_ID_BYTES = 8;
const NONE = new Uint8Array(0);

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fail = (field: string, why: string) => new LeaseRequestError(field, why);

/**
 * A request as it travels: one deterministic CBOR array, its last element the requester's signature under all before it.
 * @param key the requester's
 * @param provider Ed25519 public key of the box that is asked, 64 hexadecimal digits: no other box can then be shown the
 * request as if it had been asked. Undefined where it is not known, as behind a plain address
 * @throws {LeaseRequestError} when the request does not hold, or `key` is not the requester's
 */
export function signLeaseRequest(request: LeaseRequest, key: SigningKey, provider?: string): Uint8Array {
  const checked = parseLeaseRequest(request);
  if (hexOf(key.publicKey) !== checked.requester) throw fail("request.requester", "is not who signs");
  if (provider !== undefined && !/^[0-9a-f]{64}$/.test(provider)) {
    throw fail("request.provider", "is not 64 hexadecimal digits");
  }
  const said = elementsOf(checked, provider);
  return encodeCbor([...said, key.sign(signedBytes(said))]);
}

/**
 * Reads and checks what {@link signLeaseRequest} makes. Whether it was shown before it cannot tell.
 * @param self this box's public key in the network that the request came by; undefined: a request that names a box is refused
 * @throws {LeaseRequestError}
 */
export function openSignedLeaseRequest(bytes: Uint8Array, self?: string): LeaseRequest {
  const fields = decodeCborArray(bytes, MAX_SIGNED_REQUEST_BYTES, "request", fail);
  const version = fields.uint("version");
  if (version !== VERSION && version !== RESTORING_VERSION)
    throw fields.fail("version", `is not ${VERSION} or ${RESTORING_VERSION}`);
  const plain = readElements(fields);
  const named = optionalHex(fields, "provider", KEY_BYTES);
  const request = parseLeaseRequest(
    version === VERSION ? plain : { ...plain, restoreFrom: readRestore(fields) },
  );
  const signature = fields.bytes("signature", SIGNATURE_BYTES);
  fields.end();
  // Made anew from what was understood: nothing is taken that means something else than what was signed.
  if (!verify(bytesOf(request.requester), signedBytes(elementsOf(request, named)), signature)) {
    throw fields.fail("signature", "is not the requester's");
  }
  if (named !== undefined && named !== self) throw fields.fail("provider", "is another box");
  return request;
}

const signedBytes = (said: readonly Cbor[]): Uint8Array => Buffer.concat([DOMAIN, encodeCbor(said)]);

/** In the order of the wire. What there may not be is 0 or no bytes. */
function elementsOf(request: LeaseRequest, provider: string | undefined): Cbor[] {
  const { resources, tunnel } = request;
  const address = (text: string | undefined) => (text === undefined ? NONE : (ipToBytes(text) ?? NONE));
  const { restoreFrom } = request;
  const rest = restoreFrom ? [bytesOf(restoreFrom.checkpoint), bytesOf(restoreFrom.key)] : [];
  return [
    restoreFrom ? RESTORING_VERSION : VERSION,
    bytesOf(request.id),
    bytesOf(request.requester),
    bytesOf(request.network ?? ""),
    resources.cpus,
    resources.memoryMiB,
    resources.diskMiB,
    resources.upKbit ?? 0,
    resources.downKbit ?? 0,
    request.durationS,
    request.image,
    request.activity,
    blobOfSshKey(request.sshKey),
    Uint8Array.from(Buffer.from(tunnel.publicKey, "base64")),
    address(tunnel.endpoint?.address),
    tunnel.endpoint?.port ?? 0,
    address(tunnel.address),
    address(tunnel.dns),
    request.acceptsInspection ? 1 : 0,
    request.createdAt,
    bytesOf(provider ?? ""),
    ...rest,
  ];
}

function readRestore(fields: Fields): { checkpoint: string; key: string } {
  const checkpoint = hexOf(fields.bytes("restoreFrom.checkpoint", ID_BYTES));
  return { checkpoint, key: hexOf(fields.bytes("restoreFrom.key", RESTORE_KEY_BYTES)) };
}

/** The plain form of what the wire says, not checked but for its sizes. */
function readElements(fields: Fields): object {
  const [id, requester] = [hexOf(fields.bytes("id", ID_BYTES)), hexOf(fields.bytes("requester", KEY_BYTES))];
  const network = optionalHex(fields, "network", NETWORK_ID_BYTES);
  const resources = {
    cpus: fields.uint("resources.cpus", MOST_RESOURCES.cpus),
    memoryMiB: fields.uint("resources.memoryMiB", MOST_RESOURCES.memoryMiB),
    diskMiB: fields.uint("resources.diskMiB", MOST_RESOURCES.diskMiB),
    upKbit: fields.uint("resources.upKbit", MOST_RESOURCES.kbit) || undefined,
    downKbit: fields.uint("resources.downKbit", MOST_RESOURCES.kbit) || undefined,
  };
  const durationS = fields.uint("durationS", MAX_DURATION_S);
  const image = fields.text("image", 32);
  const activity = fields.text("activity", MAX_ACTIVITY_CHARS);
  const sshKey = readSshKey(fields);
  const publicKey = Buffer.from(fields.bytes("tunnel.publicKey", 32)).toString("base64");
  const [endpoint, port] = [
    optionalIp(fields, "tunnel.endpoint.address"),
    fields.uint("tunnel.endpoint.port", 65_535),
  ];
  if (endpoint === undefined && port !== 0) throw fields.fail("tunnel.endpoint.port", "has no address");
  const tunnel = {
    publicKey,
    endpoint: endpoint === undefined ? undefined : { address: endpoint, port },
    address: optionalIp(fields, "tunnel.address"),
    dns: optionalIp(fields, "tunnel.dns"),
  };
  const acceptsInspection = fields.uint("acceptsInspection", 1) === 1;
  const createdAt = fields.uint("createdAt", MAX_TIME_MS);
  return {
    ...{ id, requester, network, resources, durationS, image, activity, sshKey },
    ...{ tunnel, acceptsInspection, createdAt },
  };
}

function readSshKey(fields: Fields): string {
  const blob = fields.bytes("sshKey", 0, MAX_SSH_BLOB_BYTES);
  try {
    return sshKeyOfBlob(blob);
  } catch (error) {
    if (!(error instanceof SshKeyError)) throw error;
    throw fields.fail("sshKey", error.message);
  }
}

function optionalHex(fields: Fields, field: string, length: number): string | undefined {
  const bytes = fields.bytes(field, 0, length);
  if (bytes.length !== 0 && bytes.length !== length) throw fields.fail(field, `is not ${length} bytes long`);
  return bytes.length === 0 ? undefined : hexOf(bytes);
}

function optionalIp(fields: Fields, field: string): string | undefined {
  const bytes = fields.bytes(field, 0, 16);
  if (![0, 4, 16].includes(bytes.length)) throw fields.fail(field, "is neither IPv4 nor IPv6");
  return bytes.length === 0 ? undefined : bytesToIp(bytes);
}
