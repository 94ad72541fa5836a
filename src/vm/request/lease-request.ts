import { textProblem } from "../../identity/cbor.ts";
import { plainSshKey, SshKeyError } from "./ssh-public-key.ts";
import { Table } from "./table.ts";
import { endpointAddress, innerAddressProblem, wireguardKeyProblem } from "./tunnel-fields.ts";

/** What somebody asks a box for: a virtual machine of their own, for a time, with all its traffic through their tunnel. */
export interface LeaseRequest {
  /** 32 hexadecimal digits, the requester's choice; a second request with the same id is a replay. */
  id: string;
  /** Ed25519 public key of who asks (a person, an operator or a box in the network), 64 hexadecimal digits. */
  requester: string;
  /** The network whose member the requester is, by its id; undefined for a stranger. */
  network: string | undefined;
  resources: LeaseResources;
  durationS: number;
  /** The name of the guest image. */
  image: string;
  /** What the machine is for, in the requester's words; at most {@link MAX_ACTIVITY_CHARS} characters, may be empty. */
  activity: string;
  /** One OpenSSH public key: type and base64, without comment. */
  sshKey: string;
  tunnel: LeaseTunnel;
  /** The requester has been told that operators may look inside, and agrees. */
  acceptsInspection: boolean;
  /** ms since 1970 by the requester's clock, for what it is worth. Above that of the requester's earlier requests and commands. */
  createdAt: number;
  /** The machine is one that was saved and goes on; undefined: a new one. */
  restoreFrom?: LeaseRestore | undefined;
}

/** A machine that was saved, and that the box has by now. */
export interface LeaseRestore {
  /** The lease that was saved, 32 hexadecimal digits. */
  checkpoint: string;
  /** What opens it, sealed for the box that is asked: {@link RESTORE_KEY_BYTES} bytes in hexadecimal digits. */
  key: string;
}

export interface LeaseResources {
  cpus: number;
  memoryMiB: number;
  diskMiB: number;
  /** What the machine may send and receive, in kbit/s; undefined: as much as the box allows. */
  upKbit: number | undefined;
  downKbit: number | undefined;
}

/** The requester's end of the tunnel. */
export interface LeaseTunnel {
  /** WireGuard, 32 bytes in base64. */
  publicKey: string;
  /** Where the requester is heard; undefined: the requester comes to the box. */
  endpoint: { address: string; port: number } | undefined;
  /** The machine's own address in the tunnel, IPv4. */
  address: string;
  /** The name server that the requester serves in it, IPv4. */
  dns: string | undefined;
}

/** Why a lease is over. */
export type LeaseEnd =
  | "released"
  | "expired"
  | "silent"
  | "punished"
  | "displaced"
  | "host"
  | "failed"
  | "swept";

export const MAX_ACTIVITY_CHARS = 500;
export const MAX_DURATION_S = 30 * 86_400;
/** Year 10,889: beyond it a number is no time in ms. */
export const MAX_TIME_MS = 2 ** 48;
/** Beyond these no policy is asked: nothing that this box runs on has as much. */
export const MOST_RESOURCES = {
  cpus: 256,
  memoryMiB: 1_048_576,
  diskMiB: 16_777_216,
  kbit: 100_000_000,
} as const;

/** An X25519 key, and a key of 32 bytes sealed by it with a tag of 16. */
export const RESTORE_KEY_BYTES = 80;

export const LEASE_ID = /^[0-9a-f]{32}$/;
const RESTORE_KEY = new RegExp(`^[0-9a-f]{${2 * RESTORE_KEY_BYTES}}$`);
const PUBLIC_KEY = /^[0-9a-f]{64}$/;
const NETWORK_ID = /^[0-9a-f]{16}$/;
/** No slash and no leading dot: it becomes part of a path. */
const IMAGE = /^[a-z0-9][a-z0-9.-]{0,31}$/;

/**
 * Checks a request in its plain form, as from JSON; keys that may be undefined may be missing.
 * @returns a new object that has nothing but what was checked: addresses in their one form, the SSH key without comment
 * @throws {LeaseRequestError} naming the first field that is wrong
 */
export function parseLeaseRequest(value: unknown): LeaseRequest {
  const fields = new Table(value, "request");
  const request: LeaseRequest = {
    id: fields.matching("id", LEASE_ID, "32 hexadecimal digits"),
    requester: fields.matching("requester", PUBLIC_KEY, "64 hexadecimal digits"),
    network: fields.optional("network", (field) =>
      fields.matching(field, NETWORK_ID, "16 hexadecimal digits"),
    ),
    resources: readResources(fields.table("resources")),
    durationS: fields.uint("durationS", 1, MAX_DURATION_S),
    image: fields.matching(
      "image",
      IMAGE,
      "1 to 32 letters, digits, dots and hyphens, a letter or digit first",
    ),
    activity: readActivity(fields),
    sshKey: readSshKey(fields),
    tunnel: readTunnel(fields.table("tunnel")),
    acceptsInspection: fields.flag("acceptsInspection"),
    createdAt: fields.uint("createdAt", 0, MAX_TIME_MS),
  };
  const restoreFrom = fields.optional("restoreFrom", (field) => readRestore(fields.table(field)));
  fields.end();
  return restoreFrom === undefined ? request : { ...request, restoreFrom };
}

function readRestore(fields: Table): LeaseRestore {
  const restore = {
    checkpoint: fields.matching("checkpoint", LEASE_ID, "32 hexadecimal digits"),
    key: fields.matching("key", RESTORE_KEY, `${2 * RESTORE_KEY_BYTES} hexadecimal digits`),
  };
  fields.end();
  return restore;
}

function readResources(fields: Table): LeaseResources {
  const kbit = (field: string) => fields.uint(field, 1, MOST_RESOURCES.kbit);
  const resources: LeaseResources = {
    cpus: fields.uint("cpus", 1, MOST_RESOURCES.cpus),
    memoryMiB: fields.uint("memoryMiB", 1, MOST_RESOURCES.memoryMiB),
    diskMiB: fields.uint("diskMiB", 0, MOST_RESOURCES.diskMiB),
    upKbit: fields.optional("upKbit", kbit),
    downKbit: fields.optional("downKbit", kbit),
  };
  fields.end();
  return resources;
}

function readActivity(fields: Table): string {
  const activity = fields.text("activity");
  // Counting the characters of a text takes as long as it is long.
  const isLong = activity.length > 2 * MAX_ACTIVITY_CHARS;
  const problem = isLong
    ? `more than ${MAX_ACTIVITY_CHARS} characters`
    : textProblem(activity, MAX_ACTIVITY_CHARS);
  if (problem !== undefined) throw fields.fail("activity", problem);
  return activity;
}

function readSshKey(fields: Table): string {
  const line = fields.text("sshKey");
  try {
    return plainSshKey(line);
  } catch (error) {
    if (!(error instanceof SshKeyError)) throw error;
    throw fields.fail("sshKey", error.message);
  }
}

function readTunnel(fields: Table): LeaseTunnel {
  const checked = (problemOf: (text: string) => string | undefined) => (field: string) => {
    const text = fields.text(field);
    const problem = problemOf(text);
    if (problem !== undefined) throw fields.fail(field, problem);
    return text;
  };
  const tunnel: LeaseTunnel = {
    publicKey: checked(wireguardKeyProblem)("publicKey"),
    endpoint: fields.optional("endpoint", (field) => readEndpoint(fields.table(field))),
    address: checked(innerAddressProblem)("address"),
    dns: fields.optional("dns", checked(innerAddressProblem)),
  };
  fields.end();
  if (tunnel.dns === tunnel.address) throw fields.fail("dns", "is the machine itself");
  return tunnel;
}

function readEndpoint(fields: Table): { address: string; port: number } {
  const address = endpointAddress(fields.text("address"));
  if (address === undefined)
    throw fields.fail("address", "is no IP address of a single host that others can reach");
  const port = fields.uint("port", 1, 65_535);
  fields.end();
  return { address, port };
}
