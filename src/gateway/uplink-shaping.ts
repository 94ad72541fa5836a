import { run, tryRun } from "../host/run.ts";
import { fairQueueing, type Queueing } from "./shaping.ts";

export interface UplinkShaping {
  uplink: string;
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
  await unshapeUplink(uplink);
  await tryRun(["tc", "qdisc", "del", "dev", bridge, "root"]);
  const queueing = await kernelQueueing(bridge);
  const unshaped = queueing.cake
    ? [`qdisc replace dev ${uplink} root cake unlimited dual-srchost nat`]
    : queueing.fqCodel
      ? [`qdisc replace dev ${uplink} root fq_codel`]
      : [];
  const batch = [
    ...(upKbit > 0 ? fairQueueing(uplink, "up", upKbit, queueing) : unshaped),
    ...(downKbit > 0 ? fairQueueing(bridge, "down", downKbit, queueing) : []),
  ];
  if (batch.length > 0) await run(["tc", "-batch", "-"], { input: `${batch.join("\n")}\n` });
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
