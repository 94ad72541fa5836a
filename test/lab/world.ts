import { run } from "../../src/host/run.ts";
import type { Lab, LabHost } from "./lab.ts";

/** The gateway's interface towards the internet. */
export const UPLINK = "wan0";
/** The provider's router, and the resolver where a lab has one. */
export const PROVIDER = "192.0.2.1";
/** The gateway's own address towards the provider. */
export const GATEWAY_OUTSIDE = "192.0.2.2";
/** A server in the world, of the range for device tests (RFC 2544): dnsmasq takes the documentation ranges for an attack by DNS rebinding. */
export const WORLD = "198.18.0.10";
/** The same by IPv6. */
export const WORLD_IPV6 = "2001:db8:1::1";
const GATEWAY_OUTSIDE_IPV6 = "2001:db8:1::2";

/** A host that is to be a gateway, and one behind its uplink. */
export interface UplinkedHost {
  host: LabHost;
  /** Reached only by the uplink, at {@link WORLD} and {@link WORLD_IPV6}. */
  world: LabHost;
}

/** Makes a host `name` with an uplink and default routes over it. */
export async function uplinkedHost(lab: Lab, name: string): Promise<UplinkedHost> {
  const host = await lab.host(name);
  const world = await lab.host(`${name}-world`);
  await lab.cable(host, UPLINK, world, "eth0");
  const ip = (on: LabHost, ...lines: string[]) =>
    run(["ip", "-n", on.name, "-batch", "-"], { input: `${lines.join("\n")}\n` });
  await ip(
    world,
    ...[`${PROVIDER}/24`, `${WORLD}/32`, `${WORLD_IPV6}/64`].map(
      (own) => `address add ${own} dev eth0${nodad(own)}`,
    ),
  );
  await ip(
    host,
    ...[`${GATEWAY_OUTSIDE}/24`, `${GATEWAY_OUTSIDE_IPV6}/64`].map(
      (own) => `address add ${own} dev ${UPLINK}${nodad(own)}`,
    ),
    `route add default via ${PROVIDER}`,
    `route add default via ${WORLD_IPV6}`,
  );
  return { host, world };
}

const nodad = (address: string) => (address.includes(":") ? " nodad" : "");
