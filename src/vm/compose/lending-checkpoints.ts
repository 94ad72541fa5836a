import { readFileSync } from "node:fs";
import type { VmConfig } from "../../config/index.ts";
import type { Clock } from "../../host/clock.ts";
import type { Logger } from "../../host/log.ts";
import type { Membership, Memberships } from "../../identity/index.ts";
import { signingKey } from "../../identity/signing-key.ts";
import {
  CheckpointShelf,
  Checkpoints,
  type CheckpointsOptions,
  machineKind,
  USUAL_SHELF,
} from "../checkpoint/index.ts";
import type { Accelerator } from "../domain/index.ts";
import type { KeptLibvirt } from "../libvirt/index.ts";
import { ownArchitecture } from "./lending-ground.ts";

export interface LendingCheckpointsOptions
  extends Pick<CheckpointsOptions, "images" | "refusalOf" | "randomBytes"> {
  config: Pick<VmConfig, "saved" | "reserve">;
  /** On the medium. */
  folder: string;
  memberships: Pick<Memberships, "list">;
  libvirt: Pick<KeptLibvirt, "host">;
  accelerator: Accelerator;
  clock: Clock;
  log: Logger;
}

const MIB = 1_048_576;
const HOUR_MS = 3_600_000;

/** The saved machines of this box, as `[vm.saved]` means them; undefined where none are kept. */
export function lendingCheckpoints(options: LendingCheckpointsOptions): Checkpoints | undefined {
  const { config, folder, memberships, libvirt, accelerator, clock, log, randomBytes } = options;
  const { saved, reserve } = config;
  if (saved.hours === 0 || saved.medium_mib === 0) return undefined;
  const [network] = memberships.list().toSorted((one, other) => (one.id < other.id ? -1 : 1));
  // In no network nobody else trusts it in any case: what it saves goes on here, as long as it runs.
  const key = signingKey(network?.seed ?? randomBytes(32));
  const own = Buffer.from(key.publicKey).toString("hex");
  return new Checkpoints({
    key,
    shelf: new CheckpointShelf({
      folder,
      limits: {
        ...USUAL_SHELF,
        keptMs: saved.hours * HOUR_MS,
        mostBytes: saved.medium_mib * MIB,
        keptFreeBytes: reserve.disk_mib * MIB,
      },
      ...{ clock, log },
    }),
    trusts: (box) => box === own || saved.trusted_boxes.includes(box) || isFellowBox(memberships.list(), box),
    images: options.images,
    machine: async () => {
      const { hypervisorVersion } = await libvirt.host();
      const cpuInfo = () => readFileSync("/proc/cpuinfo", "utf8");
      return machineKind(ownArchitecture(), accelerator, hypervisorVersion, cpuInfo);
    },
    refusalOf: options.refusalOf,
    randomBytes,
  });
}

/** Another box of one of our networks. What it has saved comes into QEMU as it is: no person's or requester's does. */
export const isFellowBox = (
  memberships: readonly Pick<Membership, "knownMember">[],
  publicKey: string,
): boolean =>
  memberships.some(
    (membership) => membership.knownMember(Uint8Array.from(Buffer.from(publicKey, "hex")))?.role === "box",
  );
