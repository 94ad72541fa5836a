import { run } from "../../src/host/run.ts";
import type { Lab, LabHost } from "../lab/lab.ts";

/** The gateway's interface towards the internet. */
export const UPLINK = "wan0";
const PROVIDER = "192.0.2.1";
const WORLD = "203.0.113.10";

/** A host that is to be a gateway, and one behind its uplink. */
export interface UplinkedHost {
  host: LabHost;
  /** Reached only by the uplink, at `address`. */
  world: { host: LabHost; address: string };
}

/** Makes a host `name` with an uplink and a default route over it. */
export async function uplinkedHost(lab: Lab, name: string): Promise<UplinkedHost> {
  const host = await lab.host(name);
  const world = await lab.host(`${name}-world`);
  await lab.cable(host, UPLINK, world, "eth0");
  const ip = (on: LabHost, ...lines: string[]) =>
    run(["ip", "-n", on.name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
  await ip(host, `address add 192.0.2.2/30 dev ${UPLINK}`, `route add default via ${PROVIDER}`);
  await ip(world, `address add ${PROVIDER}/30 dev eth0`, `address add ${WORLD}/32 dev lo`);
  return { host, world: { host: world, address: WORLD } };
}
