import { GUEST_LINK } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import type { CheckpointHeader, GuestLink, MachineKind } from "./checkpoint-header.ts";

/** What a box has to go on with. */
export interface RestoringBox {
  /** That of the name, undefined: there is none. */
  image: Pick<VmImage, "name" | "digest"> | undefined;
  machine: MachineKind;
  /** Whether it believes what the box of this key has saved; 64 hexadecimal digits. */
  trusts(savedBy: string): boolean;
}

/** Of this box's machines, all the same. */
export const ownLink: GuestLink = GUEST_LINK;

/**
 * Whether a saved machine can go on here, before anything of it is read.
 * @throws {CheckpointError} naming the first thing that is another one here
 */
export function checkGoesOnHere(header: CheckpointHeader, box: RestoringBox): void {
  const { image, machine } = header;
  const refuse = (field: string, why: string) => new CheckpointError(`checkpoint.${field}`, why);
  const is = (field: string, theirs: string | number, ours: string | number) => {
    if (theirs !== ours) throw refuse(field, `is ${theirs}, and this box has ${ours}`);
  };
  // What it was made of comes into QEMU as it is: a box believes only those that it knows.
  if (!box.trusts(header.savedBy)) throw refuse("savedBy", "is no box that this one believes");
  is("machine.architecture", machine.architecture, box.machine.architecture);
  is("machine.accelerator", machine.accelerator, box.machine.accelerator);
  is("machine.type", machine.type, box.machine.type);
  is("machine.cpu", machine.cpu, box.machine.cpu);
  // QEMU reads the states of those before it, not of those after (qemu's docs/devel/migration).
  if (minorOf(machine.qemu) > minorOf(box.machine.qemu))
    throw refuse(
      "machine.qemu",
      `is ${versionText(machine.qemu)}, and this box has ${versionText(box.machine.qemu)}`,
    );
  if (box.image === undefined) throw refuse("image", `${image.name} is not on this box`);
  if (box.image.digest !== image.digest) throw refuse("image", `${image.name} is another one on this box`);
  for (const [field, ours] of Object.entries(ownLink)) {
    const theirs = Object.entries(header.link).find(([name]) => name === field)?.[1] ?? "";
    is(`link.${field}`, theirs, ours);
  }
}

/**
 * That a request is for this saved machine, and by whom it belongs to.
 * @throws {CheckpointError} naming the first thing that does not go together
 */
export function checkAskedFor(header: CheckpointHeader, request: LeaseRequest): void {
  const refuse = (field: string, why: string) => new CheckpointError(`request.${field}`, why);
  if (header.requester !== request.requester) throw refuse("restoreFrom", "is somebody else's");
  if (header.image.name !== request.image)
    throw refuse("image", `is not ${header.image.name}, which was saved`);
  for (const field of ["cpus", "memoryMiB", "diskMiB"] as const)
    if (header.resources[field] !== request.resources[field])
      throw refuse(`resources.${field}`, `is not ${header.resources[field]}, as it was saved`);
}

const minorOf = (version: number): number => Math.floor(version / 1_000);
const versionText = (version: number): string =>
  `${Math.floor(version / 1_000_000)}.${Math.floor(version / 1_000) % 1_000}`;
