import type { VmConfig } from "../../config/index.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { Cause } from "../host-first/index.ts";
import type { VmImage } from "../image/index.ts";
import { Pool, type PoolGround, type PoolPolicy, type Shape, USUAL_POOL } from "../pool/index.ts";

export interface LendingPoolOptions {
  config: Pick<VmConfig, "pool" | "limits" | "reserve">;
  ground: PoolGround;
  images(): readonly VmImage[];
  causes(): readonly Cause[];
  timers: Timers;
  log: Logger;
}

/** What `omerta-box vm request` asks for where nobody says more. */
const USUAL = { cpus: 1, memoryMiB: 256 };

/** The pool that `[vm.pool]` means. */
export function lendingPool({ config, ground, images, causes, timers, log }: LendingPoolOptions): Pool {
  return new Pool({ ground, policy: poolPolicyOf(config, images), ...{ images, causes, timers, log } });
}

/** The usual machine waits in any case, others when they are asked for often. */
export function poolPolicyOf(
  config: LendingPoolOptions["config"],
  images: LendingPoolOptions["images"],
): PoolPolicy {
  return {
    ...USUAL_POOL,
    // The image that they are of may be installed later, or become another.
    get shapes() {
      return usualShapes(config, images());
    },
    keep: config.pool.machines,
    mostShapes: config.pool.machines === 0 ? 0 : USUAL_POOL.mostShapes,
    memoryShareMiB: config.pool.memory_mib,
    keptMemoryMiB: config.reserve.memory_mib,
  };
}

/** Of the first image that starts without a disk, as large as anybody may have it. */
export function usualShapes(
  { pool, limits }: Pick<VmConfig, "pool" | "limits">,
  images: readonly VmImage[],
): Shape[] {
  const image = images.find(({ base }) => base === undefined);
  if (!image || pool.machines === 0) return [];
  return [
    {
      image: image.name,
      cpus: Math.min(USUAL.cpus, limits.cpus),
      memoryMiB: Math.min(USUAL.memoryMiB, limits.memory_mib),
      diskMiB: 0,
    },
  ];
}
