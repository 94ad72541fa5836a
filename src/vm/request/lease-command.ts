import { type Cbor, decodeCborArray, encodeCbor } from "../../identity/cbor.ts";
import { KEY_BYTES, SIGNATURE_BYTES, type SigningKey, verify } from "../../identity/signing-key.ts";
import { LEASE_ID, MAX_TIME_MS } from "./lease-request.ts";

/** What a requester says of leases that they have. */
export type LeaseCommand = {
  /** Who says so, Ed25519, 64 hexadecimal digits: a lease obeys nobody but who asked for it. */
  requester: string;
  /** Higher than in everything that the requester has said before, see `nextSerial`. */
  serial: number;
} & (
  | { kind: "release" | "checkpoint"; lease: string }
  /** Those that are still wanted, at most {@link MAX_LEASES_NAMED}. One that none of several names has been left. */
  | { kind: "keep-alive"; leases: readonly string[] }
);

/** A command that is none, or does not hold. */
export class LeaseCommandError extends Error {
  override readonly name = "LeaseCommandError";
  constructor(
    /** What is wrong: `command.lease`. */
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

export const MAX_LEASES_NAMED = 64;
export const MAX_COMMAND_BYTES = 2_048;

const DOMAIN = Buffer.from("omerta-box lease command 1\0");
const VERSION = 1;
const ID_BYTES = 16;
const KINDS = { release: 1, "keep-alive": 2, checkpoint: 3 } as const;

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fail = (field: string, why: string) => new LeaseCommandError(field, why);
const leasesOf = (command: LeaseCommand): readonly string[] =>
  command.kind === "keep-alive" ? command.leases : [command.lease];

/**
 * A command as it travels: `[1, kind, requester, serial, [lease, …], signature]` in deterministic CBOR.
 * @throws {LeaseCommandError} when it says what no command may, or `key` is not the requester's
 */
export function signLeaseCommand(command: LeaseCommand, key: SigningKey): Uint8Array {
  const { requester, serial } = command;
  if (hexOf(key.publicKey) !== requester) throw fail("command.requester", "is not who signs");
  if (!Number.isInteger(serial) || serial < 0 || serial > MAX_TIME_MS) {
    throw fail("command.serial", `is no whole number from 0 to ${MAX_TIME_MS}`);
  }
  const leases = leasesOf(command);
  if (leases.length > MAX_LEASES_NAMED) throw fail("command.leases", `are more than ${MAX_LEASES_NAMED}`);
  for (const lease of leases) {
    if (!LEASE_ID.test(lease)) throw fail("command.lease", "is not 32 hexadecimal digits");
  }
  const said = elementsOf(command);
  return encodeCbor([...said, key.sign(signedBytes(said))]);
}

/**
 * Reads a command and checks its signature. Whether its serial is fresh `HeardSerials` tells.
 * @throws {LeaseCommandError}
 */
export function openLeaseCommand(bytes: Uint8Array): LeaseCommand {
  const fields = decodeCborArray(bytes, MAX_COMMAND_BYTES, "command", fail);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const number = fields.uint("kind", 255);
  const requester = hexOf(fields.bytes("requester", KEY_BYTES));
  const serial = fields.uint("serial", MAX_TIME_MS);
  const list = fields.list("leases", MAX_LEASES_NAMED);
  const leases: string[] = [];
  while (list.left > 0) leases.push(hexOf(list.bytes(String(leases.length), ID_BYTES)));
  const signature = fields.bytes("signature", SIGNATURE_BYTES);
  fields.end();
  const command = commandOf(number, { requester, serial }, leases);
  if (!verify(Buffer.from(requester, "hex"), signedBytes(elementsOf(command)), signature)) {
    throw fields.fail("signature", "is not the requester's");
  }
  return command;
}

function commandOf(
  number: number,
  who: { requester: string; serial: number },
  leases: readonly string[],
): LeaseCommand {
  if (number === KINDS["keep-alive"]) return { kind: "keep-alive", ...who, leases };
  const [lease, ...more] = leases;
  if (lease === undefined || more.length > 0) throw fail("command.leases", "names not one lease alone");
  if (number === KINDS.release) return { kind: "release", ...who, lease };
  if (number === KINDS.checkpoint) return { kind: "checkpoint", ...who, lease };
  throw fail("command.kind", `${number} is not known here`);
}

const signedBytes = (said: readonly Cbor[]): Uint8Array => Buffer.concat([DOMAIN, encodeCbor(said)]);

function elementsOf(command: LeaseCommand): Cbor[] {
  const ids = leasesOf(command).map((lease) => Uint8Array.from(Buffer.from(lease, "hex")));
  return [
    VERSION,
    KINDS[command.kind],
    Uint8Array.from(Buffer.from(command.requester, "hex")),
    command.serial,
    ids,
  ];
}
