import { createLog } from "../../src/host/log.ts";
import { HostGround } from "../../src/requester/host-ground.ts";
import type { VpnGround } from "../../src/requester/vpn-ground.ts";
import { VpnServer } from "../../src/requester/vpn-server.ts";

/*
 * A requester's VPN as a process of its own: bun test/lab/vm-requester-process.ts '{"folder":…}'
 * Prints one line of JSON when it serves, and ends by SIGTERM.
 */

export interface RequesterOrder {
  folder: string;
  id: string;
  privateKey: string;
  allowLan: boolean;
  listenPort: number;
  /** Public keys of virtual machines; they get the first addresses in this order. */
  peers: string[];
}

export interface RequesterReport {
  publicKey: string;
  listenPort: number;
  gateway: string;
  dns: string;
  addresses: string[];
  /** Of SSH into the first one; null where it is reached straight. */
  proxy: readonly string[] | null;
  trouble: string | null;
}

/** Serves until SIGTERM. */
export async function serveRequester(order: RequesterOrder, ground: VpnGround): Promise<never> {
  const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
  const server = new VpnServer(order, ground, log);
  const ends = await server.start();
  const addresses: string[] = [];
  for (const publicKey of order.peers) {
    const address = server.freeAddress();
    await server.addPeer({ publicKey, address, endpoint: undefined });
    addresses.push(address);
  }
  const report: RequesterReport = {
    ...ends,
    addresses,
    proxy: server.proxy(addresses[0] ?? "", 22) ?? null,
    trouble: server.trouble() ?? null,
  };
  console.log(JSON.stringify(report));
  await new Promise((resolve) => process.once("SIGTERM", resolve));
  await server.stop();
  process.exit(0);
}

if (import.meta.main) {
  const order = JSON.parse(process.argv[2] ?? "{}") as RequesterOrder;
  const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
  await serveRequester(order, new HostGround(order.folder, log));
}
