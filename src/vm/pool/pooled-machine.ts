import { rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { identityOf, renamedDomain } from "../domain/index.ts";
import { planGround } from "../egress/index.ts";
import { type LeaseNames, leaseNames } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import { rewriteSaveFile } from "../libvirt/index.ts";
import { makePlace, PoolError, type PoolGround, type PoolWorks, planOf, takeAway } from "./pool-ground.ts";
import type { Shape } from "./shape.ts";
import type { WarmFile } from "./warm-file.ts";

/**
 * A machine that was made of a file, is paused, and has run no instruction since. Its namespace, TAP and tunnel are
 * there; nothing passes any of them.
 */
export interface PooledMachine {
  /** All that belongs to it is named by this, also when it is a lease's. */
  id: string;
  names: LeaseNames;
  shape: Shape;
  /** Of its file. */
  key: string;
}

/**
 * @param id a new one
 * @throws what failed; whatever there is by then is taken away by {@link endPooledMachine}
 */
export async function makePooledMachine(
  ground: PoolWorks,
  id: string,
  warm: WarmFile,
  image: VmImage,
): Promise<PooledMachine> {
  const { libvirt, egress } = ground;
  const names = leaseNames(id);
  const file = statePath(ground, id);
  await egress.prepare(planGround(names));
  const disk = await makePlace(ground, id, warm.shape, image);
  // What the guest knows of its disk is in its memory: it must be the one that it had.
  if (disk !== undefined && warm.plan.disk !== undefined) await copyFile(warm.plan.disk, disk);
  const [from, to] = [identityOf(warm.plan), identityOf(planOf(ground, id, warm.shape, image, disk))];
  await rewriteSaveFile(warm.path, file, (header) => ({
    ...header,
    wasRunning: false,
    xml: renamedDomain(header.xml, from, to),
  }));
  await ground.late.asked(names.domain, () => libvirt.restore(file));
  rmSync(file);
  const domain = (await libvirt.list()).find(({ name }) => name === names.domain);
  if (domain?.state !== "paused") throw new PoolError(`${names.domain} is ${domain?.state ?? "gone"}`);
  await egress.park(planGround(names));
  return { id, names, shape: warm.shape, key: warm.key };
}

/** May be done again. @throws {AggregateError} when something stays */
export async function endPooledMachine(ground: PoolWorks, id: string): Promise<void> {
  rmSync(statePath(ground, id), { force: true });
  await takeAway(ground, id);
}

/** The machine's own copy of the file, while it is read. */
const statePath = ({ folder }: PoolGround, id: string): string => join(folder, `${id}.machine`);
