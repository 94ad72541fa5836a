import { isIPv4 } from "node:net";
import { type Cbor, decodeCborArray, encodeCbor, type Fields } from "../../identity/cbor.ts";
import type { Accelerator, Architecture } from "../domain/index.ts";
import { MOST_RESOURCES } from "../request/lease-request.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { SEALED_KEY_BYTES } from "./sealed-key.ts";

/** What stands in front of a saved machine, for everybody to read: by it a box knows whether the machine can go on there. */
export interface CheckpointHeader {
  /** Of the lease that was saved, 32 hexadecimal digits: the file's name as well. */
  id: string;
  /** Ed25519 public key of the box that saved it, 64 hexadecimal digits. */
  savedBy: string;
  /** Ed25519 public key of whom it belongs to, 64 hexadecimal digits: nobody else can open it. */
  requester: string;
  /** What opens it, for the requester: see `sealKey`. */
  sealedKey: Uint8Array;
  /** `digest`: see `VmImage`. */
  image: { name: string; digest: string };
  machine: MachineKind;
  resources: { cpus: number; memoryMiB: number; diskMiB: number };
  /** Of what the lease was granted; whoever lends next grants anew. */
  leftS: number;
  /** The machine's end of its link: the state has it as it was. */
  link: GuestLink;
  /** The machine's own key for SSH, type and base64, which it keeps; "": not known. */
  hostKey: string;
  /** Of what is sealed: QEMU's stream with memory and devices, and the disk's overlay after it; 0: it has none. */
  stateBytes: number;
  diskBytes: number;
}

/** What a state goes on with, and nothing else. */
export interface MachineKind {
  architecture: Architecture;
  accelerator: Accelerator;
  /** As QEMU names it, with its version: "pc-q35-7.2". */
  type: string;
  /** As libvirt names it: "Westmere"; "host-passthrough" where the processor is the host's own. */
  cpu: string;
  /** QEMU's, as libvirt counts it: 7002022 is 7.2.22. */
  qemu: number;
}

export interface GuestLink {
  guestMacAddress: string;
  guestAddress: string;
  gatewayMacAddress: string;
  gatewayAddress: string;
  prefixLength: number;
  mtu: number;
}

/** With the longest of everything it has 560. */
export const MAX_HEADER_BYTES = 1_024;
/** Of one machine, 1 TiB: beyond it a size is none. */
export const MAX_PART_BYTES = 2 ** 40;

const VERSION = 1;
const ID_BYTES = 16;
const KEY_BYTES = 32;
const ARCHITECTURES = ["x64", "arm64"] as const satisfies readonly Architecture[];
const ACCELERATORS = ["kvm", "emulation"] as const satisfies readonly Accelerator[];

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fail = (field: string, why: string) => new CheckpointError(field, why);

/** One deterministic CBOR array. @throws {CheckpointError} for what the reader would refuse */
export function encodeCheckpointHeader(header: CheckpointHeader): Uint8Array {
  const { image, machine, resources, link } = header;
  const encoded = encodeCbor([
    VERSION,
    bytesOf(header.id),
    bytesOf(header.savedBy),
    bytesOf(header.requester),
    header.sealedKey,
    [image.name, bytesOf(image.digest)],
    [machine.architecture, machine.accelerator, machine.type, machine.cpu, machine.qemu],
    [resources.cpus, resources.memoryMiB, resources.diskMiB],
    header.leftS,
    [
      ...[link.guestMacAddress, link.guestAddress, link.gatewayMacAddress, link.gatewayAddress],
      ...[link.prefixLength, link.mtu],
    ],
    header.hostKey,
    header.stateBytes,
    header.diskBytes,
  ] satisfies Cbor);
  decodeCheckpointHeader(encoded);
  return encoded;
}

/** @throws {CheckpointError} naming the first field that is wrong */
export function decodeCheckpointHeader(encoded: Uint8Array): CheckpointHeader {
  const fields = decodeCborArray(encoded, MAX_HEADER_BYTES, "checkpoint", fail);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const header: CheckpointHeader = {
    id: hexOf(fields.bytes("id", ID_BYTES)),
    savedBy: hexOf(fields.bytes("savedBy", KEY_BYTES)),
    requester: hexOf(fields.bytes("requester", KEY_BYTES)),
    sealedKey: fields.bytes("sealedKey", SEALED_KEY_BYTES),
    image: readImage(fields.list("image", 2)),
    machine: readMachine(fields.list("machine", 5)),
    resources: readResources(fields.list("resources", 3)),
    leftS: fields.uint("leftS"),
    link: readLink(fields.list("link", 6)),
    hostKey: matching(fields, "hostKey", 200, /^(?:[a-z0-9-]{1,40} [A-Za-z0-9+/]{1,150}={0,2})?$/),
    stateBytes: fields.uint("stateBytes", MAX_PART_BYTES),
    diskBytes: fields.uint("diskBytes", MAX_PART_BYTES),
  };
  fields.end();
  if (header.stateBytes === 0) throw fields.fail("stateBytes", "are none");
  if ((header.diskBytes === 0) !== (header.resources.diskMiB === 0))
    throw fields.fail("diskBytes", "do not go with the size of its disk");
  return header;
}

function readImage(fields: Fields): CheckpointHeader["image"] {
  const name = matching(fields, "name", 32, /^[a-z0-9][a-z0-9.-]{0,31}$/);
  const image = { name, digest: hexOf(fields.bytes("digest", KEY_BYTES)) };
  fields.end();
  return image;
}

function readMachine(fields: Fields): MachineKind {
  const architecture = oneOf(fields, "architecture", ARCHITECTURES);
  const accelerator = oneOf(fields, "accelerator", ACCELERATORS);
  const type = matching(fields, "type", 32, /^[a-z0-9.-]+$/);
  const cpu = matching(fields, "cpu", 64, /^[A-Za-z0-9_.-]+$/);
  const machine = { architecture, accelerator, type, cpu, qemu: fields.uint("qemu", 999_999_999) };
  fields.end();
  return machine;
}

function readResources(fields: Fields): CheckpointHeader["resources"] {
  const [cpus, memoryMiB] = [
    fields.uint("cpus", MOST_RESOURCES.cpus),
    fields.uint("memoryMiB", MOST_RESOURCES.memoryMiB),
  ];
  const resources = { cpus, memoryMiB, diskMiB: fields.uint("diskMiB", MOST_RESOURCES.diskMiB) };
  fields.end();
  return resources;
}

function readLink(fields: Fields): GuestLink {
  const mac = (field: string) => matching(fields, field, 17, /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/);
  const address = (field: string) => {
    const text = fields.text(field, 15);
    if (!isIPv4(text)) throw fields.fail(field, "is no IPv4 address");
    return text;
  };
  const link = {
    guestMacAddress: mac("guestMacAddress"),
    guestAddress: address("guestAddress"),
    gatewayMacAddress: mac("gatewayMacAddress"),
    gatewayAddress: address("gatewayAddress"),
    prefixLength: fields.uint("prefixLength", 32),
    mtu: fields.uint("mtu", 65_535),
  };
  fields.end();
  return link;
}

function matching(fields: Fields, field: string, maxChars: number, pattern: RegExp): string {
  const text = fields.text(field, maxChars);
  if (!pattern.test(text)) throw fields.fail(field, "has not the form of one");
  return text;
}

function oneOf<const T extends string>(fields: Fields, field: string, known: readonly T[]): T {
  const text = fields.text(field, 32);
  const found = known.find((one) => one === text);
  if (found === undefined) throw fields.fail(field, `is none of ${known.join(", ")}`);
  return found;
}
