import { run, tryRun } from "../host/run.ts";
import { CLASSLESS_ROOT, fairQueueing, type Queueing } from "./shaping.ts";

export interface UplinkShaping {
  /** undefined where another part queues what leaves by it. */
  uplink: string | undefined;
  bridge: string;
  /** In kbit/s; 0 where it is not known. */
  upKbit: number;
  downKbit: number;
}

/**
 * Shares the uplink fairly between guests, both ways. Where its rate is not known nothing can be shaped; what leaves
 * is queued fairly all the same, as far as the kernel has a discipline for that.
 */
export async function shapeUplink({ uplink, bridge, upKbit, downKbit }: UplinkShaping): Promise<void> {
  // HTB cannot be changed in place (tc-htb(8)): what stands goes first.
  if (uplink !== undefined) await unshapeUplink(uplink);
  await tryRun(["tc", "qdisc", "del", "dev", bridge, "root"]);
  const queueing = await kernelQueueing(bridge);
  const batch = [
    ...(uplink === undefined ? [] : upward(uplink, upKbit, queueing)),
    ...(downKbit > 0 ? fairQueueing(bridge, "down", downKbit, queueing) : []),
  ];
  if (batch.length > 0) await run(["tc", "-batch", "-"], { input: `${batch.join("\n")}\n` });
}

function upward(uplink: string, kbit: number, queueing: Queueing): string[] {
  if (kbit > 0) return fairQueueing(uplink, "up", kbit, queueing);
  if (queueing.cake)
    return [`qdisc replace dev ${uplink} root handle ${CLASSLESS_ROOT} cake unlimited dual-srchost nat`];
  return queueing.fqCodel ? [`qdisc replace dev ${uplink} root handle ${CLASSLESS_ROOT} fq_codel`] : [];
}

/** Leaves the uplink as the kernel makes it. */
export async function unshapeUplink(uplink: string): Promise<void> {
  await tryRun(["tc", "qdisc", "del", "dev", uplink, "root"]);
}

/** Which queueing disciplines the kernel has, found by trying them on the guest bridge. */
async function kernelQueueing(device: string): Promise<Queueing> {
  const has = async (qdisc: string) => {
    const added = await tryRun(["tc", "qdisc", "replace", "dev", device, "root", qdisc]);
    if (added.exitCode === 0) await tryRun(["tc", "qdisc", "del", "dev", device, "root"]);
    return added.exitCode === 0;
  };
  return { cake: await has("cake"), fqCodel: await has("fq_codel") };
}
