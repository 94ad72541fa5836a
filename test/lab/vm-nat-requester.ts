import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { HostGround, LeaseHttp, Requester, RequesterState, VpnServer } from "../../src/requester/index.ts";
import { LeaseOverMesh } from "../../src/requester/lease-over-mesh.ts";

/*
 * A requester with one lease as a process of its own: bun test/lab/vm-nat-requester.ts ORDER
 * Prints its steps and a line "ready" with what SSH has said, and releases it by SIGTERM.
 */

export interface NatRequesterOrder {
  folder: string;
  /** The mesh of this machine's box, and whom to ask by it; or an address. */
  way: { socket: string; network: string; peer: string } | { address: string };
  /** Where it says that it is heard. */
  heardAt?: string;
}

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAT2i4oO1Dp4dr8s+EeYKjiXBIMEybcjIC25KtNPdpmn";

const { folder, way, heardAt } = JSON.parse(process.argv[2] ?? "") as NatRequesterOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const state = RequesterState.open(`${folder}/requester.json`);
const vpn = new VpnServer({ ...state.vpn, allowLan: false }, new HostGround(`${folder}/run`, log), log);
const requester = new Requester({
  ...{ state, vpn, log, clock: systemClock },
  transportTo: () =>
    "address" in way
      ? new LeaseHttp(way.address, log)
      : new LeaseOverMesh({ ...way, passport: undefined, log }),
  onStep: (_, { name, afterMs, why }) => console.log(`step ${name} ${afterMs.toFixed(0)} ${why ?? ""}`),
});
await requester.start();
const lease = requester.request("box", {
  resources: { cpus: 1, memoryMiB: 256, diskMiB: 0, upKbit: undefined, downKbit: undefined },
  ...{ durationS: 600, image: "small", activity: "a lab behind NATs", sshKey: SSH_KEY, network: undefined },
  ...{ acceptsInspection: true, heardAt },
});
process.once("SIGTERM", async () => {
  await requester.stop();
  console.log("stopped");
  process.exit(0);
});
const { phase, why } = await lease.ready();
console.log(`${phase} ${lease.status.address} ${lease.status.banner} ${why}`);
