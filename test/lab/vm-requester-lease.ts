import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { HostGround, LeaseHttp, Requester, RequesterState, VpnServer } from "../../src/requester/index.ts";
import { ProviderWire } from "./vm-requester-wire.ts";

/*
 * A requester with its lease as a process of its own: bun test/lab/vm-requester-lease.ts FOLDER SOCKET|ADDRESS SSH-KEY HEARD-AT
 * Goes on with the lease that it has kept, or asks for one. Prints its steps, releases it by SIGTERM.
 */

const [folder = "", provider = "", sshKey = "", heardAt = ""] = process.argv.slice(2);
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const state = RequesterState.open(`${folder}/requester.json`);
const run = `${folder}/run`;
const vpn = new VpnServer({ ...state.vpn, allowLan: false }, new HostGround(run, log), log);
const requester = new Requester({
  ...{ state, vpn, log, clock: systemClock },
  transportTo: () => (provider.startsWith("/") ? new ProviderWire(provider) : new LeaseHttp(provider, log)),
  onStep: (_, { name, afterMs }) => console.log(`step ${name} ${afterMs.toFixed(0)}`),
});
await requester.start();
const client =
  requester.leases()[0] ??
  requester.request("box", {
    resources: { cpus: 1, memoryMiB: 256, diskMiB: 0, upKbit: undefined, downKbit: undefined },
    ...{ durationS: 600, image: "small", activity: "a lab that tries leases", sshKey, network: undefined },
    ...{ acceptsInspection: true, heardAt },
  });
const { phase, why } = await client.ready();
console.log(`${phase} ${client.status.address} ${client.status.banner} ${why}`);
await new Promise((resolve) => process.once("SIGTERM", resolve));
await requester.stop();
console.log("stopped");
process.exit(0);
