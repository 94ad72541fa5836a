import { createHash } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type DomainPlan, domainXml } from "../domain/index.ts";
import { planGround } from "../egress/index.ts";
import { leaseNames } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import {
  agentSocketOf,
  makePlace,
  type PoolGround,
  type PoolWorks,
  planOf,
  takeAway,
} from "./pool-ground.ts";
import type { Shape } from "./shape.ts";

/** A machine that was saved when its agent had just come up: no lease ever had it, and it has met nobody. */
export interface WarmFile {
  /** Of the machine that was saved, and of its disk. */
  id: string;
  shape: Shape;
  /** What it was made of: machines of it are the same as one that boots now only while that is the same. */
  key: string;
  /** libvirt's file. */
  path: string;
  /** As the saved machine was. */
  plan: DomainPlan;
  bytes: number;
}

/** A kernel and its first programs take seconds, in emulation and at the lowest priority a minute. */
const BOOT_TIMEOUT_MS = 180_000;

/**
 * What a saved machine depends on: image, processor, memory, devices, and the hypervisor that has to read it.
 * @param qemuVersion as libvirt counts it
 */
export function warmKey(ground: PoolGround, shape: Shape, image: VmImage, qemuVersion: number): string {
  const nobody = "0".repeat(32);
  const disk = image.base === undefined ? undefined : "/disk";
  const plan = planOf(ground, nobody, shape, image, disk);
  const xml = domainXml({ ...plan, uuid: "00000000-0000-4000-8000-000000000000" });
  return createHash("sha256")
    .update(JSON.stringify([image.digest, qemuVersion, shape.diskMiB, xml]))
    .digest("hex");
}

/**
 * Boots the image where it reaches nobody, and saves it as soon as its agent answers. What is left of it is the file, and
 * its disk where it has one.
 * @param id a new one
 * @throws what failed; whatever there is by then is taken away by {@link removeWarmFile}
 */
export async function makeWarmFile(
  ground: PoolWorks,
  id: string,
  shape: Shape,
  image: VmImage,
  key: string,
): Promise<WarmFile> {
  const { libvirt, egress, agentAt } = ground;
  const names = leaseNames(id);
  await egress.confine(planGround(names));
  const plan = planOf(ground, id, shape, image, await makePlace(ground, id, shape, image));
  await ground.late.asked(names.domain, () =>
    libvirt.create(domainXml(plan), { isPaused: true, endsWithConnection: true }),
  );
  await egress.park(planGround(names));
  await libvirt.resume(names.domain);
  const agent = agentAt(agentSocketOf(ground, id));
  try {
    await agent.hello(BOOT_TIMEOUT_MS);
  } finally {
    agent.close();
  }
  await libvirt.suspend(names.domain);
  const path = warmPath(ground, id);
  await libvirt.save(names.domain, path);
  await takeAway(ground, id, true);
  return { id, shape, key, path, plan, bytes: statSync(path).size };
}

/** Machines that were made of it go on. May be done again. @throws {AggregateError} when something stays */
export async function removeWarmFile(ground: PoolWorks, id: string): Promise<void> {
  rmSync(warmPath(ground, id), { force: true });
  await takeAway(ground, id);
}

const warmPath = ({ folder }: PoolGround, id: string): string => join(folder, `${id}.warm`);
