import { interfaceExists, setSysctl, sysctl } from "../../host/proc-net.ts";
import { run, tryRun } from "../../host/run.ts";

/**
 * Makes the TAP of a virtual machine in the box's own namespace, down, for the hypervisor to open there: an open one
 * goes on working when it is moved. IPv6 is off before it is ever up, as the box's end would look for neighbours at once.
 * Nothing happens to one that is there.
 */
export async function makeTap(name: string): Promise<void> {
  if (interfaceExists(name)) return;
  await run(["ip", "tuntap", "add", "dev", name, "mode", "tap", "vnet_hdr"]);
  const parameter = `net/ipv6/conf/${name}/disable_ipv6`;
  try {
    if (sysctl(parameter) !== "") setSysctl(parameter, 1);
    await run(["ip", "link", "set", name, "addrgenmode", "none"]);
  } catch (error) {
    await tryRun(["ip", "link", "del", name]);
    throw error;
  }
}
