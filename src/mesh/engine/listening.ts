import { isIPv6 } from "node:net";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import type { ListenOptions } from "./engine-options.ts";
import type { NodeComponents } from "./libp2p-node.ts";

/** Tries to find a port that is free on all hosts. */
const TRIES = 8;

/** The engine could not listen. */
export class ListenError extends Error {
  override name = "ListenError";
}

/**
 * Listens for TCP and WebSockets on every host, with one port for each of the two.
 * @param skipped told of hosts that cannot be listened on while others can
 * @throws {ListenError} when no host can be
 */
export async function listen(
  { transportManager }: NodeComponents,
  options: ListenOptions,
  skipped: (host: string, error: unknown) => void,
): Promise<{ tcp: number; ws: number }> {
  const on = async (wanted: number, suffix: string): Promise<number> => {
    for (let left = TRIES; ; left -= 1) {
      const port = await listenOnAll(transportManager, options.hosts, wanted, suffix, skipped);
      if (port !== "taken") return port;
      if (left === 0) throw new ListenError(`no port is free on all of ${options.hosts.join(", ")}`);
    }
  };
  return { tcp: await on(options.tcpPort, ""), ws: await on(options.wsPort, "/ws") };
}

async function listenOnAll(
  manager: NodeComponents["transportManager"],
  hosts: readonly string[],
  wanted: number,
  suffix: string,
  skipped: (host: string, error: unknown) => void,
): Promise<number | "taken"> {
  const before = new Set(manager.getListeners());
  const added = (): typeof before => new Set(manager.getListeners()).difference(before);
  let port = wanted;
  const failures: unknown[] = [];
  for (const host of hosts) {
    try {
      await manager.listen([listenAddress(host, port, suffix)]);
    } catch (error) {
      if (wanted === 0 && port !== 0 && /EADDRINUSE|in use/.test(String(error))) {
        // The port that the first host got is somebody else's on this one.
        for (const listener of added()) await listener.close();
        return "taken";
      }
      failures.push(error);
      skipped(host, error);
      continue;
    }
    port ||= portOf([...added()].flatMap((listener) => listener.getAddrs()));
  }
  if (port === 0 || failures.length === hosts.length) {
    throw new ListenError(
      `cannot listen on ${hosts.join(", ") || "no host"}: ${String(failures[0] ?? "none given")}`,
    );
  }
  return port;
}

const listenAddress = (host: string, port: number, suffix: string): Multiaddr =>
  multiaddr(`/${isIPv6(host) ? "ip6" : "ip4"}/${host}/tcp/${port}${suffix}`);

function portOf(addresses: readonly Multiaddr[]): number {
  const tcp = addresses.flatMap((address) => address.getComponents()).find(({ name }) => name === "tcp");
  return Number(tcp?.value ?? 0);
}
