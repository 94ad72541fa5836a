import { randomUUID } from "node:crypto";
import { chownSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type DomainPlan, type MachineHouse, machinePlan } from "../domain/index.ts";
import type { Egress } from "../egress/index.ts";
import type { GuestAgent } from "../guest-agent/index.ts";
import { leaseNames } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import type { LateDomains, Libvirt } from "../libvirt/index.ts";
import type { OverlayStore } from "../overlay/index.ts";
import type { Shape } from "./shape.ts";

/** What a pool's machines are made of: the same as those of leases, for they are to become such. */
export interface PoolGround extends MachineHouse {
  libvirt: Pick<Libvirt, "create" | "resume" | "suspend" | "destroy" | "save" | "restore" | "list" | "host">;
  egress: Pick<Egress, "confine" | "prepare" | "park" | "down">;
  overlays: Pick<OverlayStore, "create" | "destroy">;
  agentAt(socket: string): Pick<GuestAgent, "hello" | "close">;
  /** A folder a machine: beneath /run, root's alone. The files of saved machines are there as well. */
  folder: string;
  owner: { name: string; uid: number; gid: number } | undefined;
  randomBytes(count: number): Uint8Array;
}

/** With what one pool knows of its own machines. */
export interface PoolWorks extends PoolGround {
  /** libvirt was asked for them and has not answered: they may still come. */
  late: LateDomains;
}

/** A machine of the pool cannot be made, or is not what it is to be; the message names the step. */
export class PoolError extends Error {
  override readonly name = "PoolError";
}

/** Named as a lease is, so that whoever looks for what belongs to none finds it. */
export const newId = ({ randomBytes }: Pick<PoolGround, "randomBytes">): string =>
  Buffer.from(randomBytes(16)).toString("hex");

export const agentSocketOf = ({ folder }: Pick<PoolGround, "folder">, id: string): string =>
  join(folder, id, "agent");

/** The folder for its socket, and its disk where it has one, empty. @throws {OverlayError} */
export async function makePlace(
  ground: PoolGround,
  id: string,
  { diskMiB }: Shape,
  { base }: VmImage,
): Promise<string | undefined> {
  const folder = join(ground.folder, id);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (ground.owner) chownSync(folder, ground.owner.uid, ground.owner.gid);
  if (base === undefined) return undefined;
  return (await ground.overlays.create(id, diskMiB, { path: base, format: "raw" })).path;
}

/** The domain of a machine of this shape under an id of the pool's. */
export function planOf(
  ground: PoolGround,
  id: string,
  shape: Shape,
  image: VmImage,
  disk: string | undefined,
): DomainPlan {
  const { domain, tap } = leaseNames(id);
  return machinePlan(ground, image, shape, {
    ...{ name: domain, uuid: randomUUID(), tap, disk },
    agentSocket: agentSocketOf(ground, id),
    consoleSocket: undefined,
  });
}

/**
 * Takes a machine away, whatever of it there is; may be done again.
 * @param keepsDisk of a machine that was saved: others are made of it
 * @throws {AggregateError} when something stays
 */
export async function takeAway(ground: PoolWorks, id: string, keepsDisk = false): Promise<void> {
  const names = leaseNames(id);
  const failed: unknown[] = [];
  const attempt = async (part: () => Promise<unknown>): Promise<boolean> => {
    try {
      await part();
      return true;
    } catch (error) {
      failed.push(error);
      return false;
    }
  };
  const isGone = await attempt(() => ground.late.destroy(ground.libvirt, names.domain));
  await attempt(() => ground.egress.down(names));
  // Its disk is in use as long as it is there.
  if (isGone) {
    if (!keepsDisk) await attempt(() => ground.overlays.destroy(id));
    rmSync(join(ground.folder, id), { recursive: true, force: true });
  }
  if (failed.length > 0) throw new AggregateError(failed, `something of ${names.domain} stays`);
}
