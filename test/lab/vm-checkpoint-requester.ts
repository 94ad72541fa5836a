import { randomBytes } from "node:crypto";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { CheckpointHttp } from "../../src/requester/checkpoint-http.ts";
import { HostGround, LeaseHttp, Requester, RequesterState, VpnServer } from "../../src/requester/index.ts";
import type { LeaseRestore } from "../../src/vm/request/lease-request.ts";

/** As JSON, the process's one argument. */
export interface CheckpointRequesterOrder {
  folder: string;
  heardAt: string;
  sshKey: string;
  diskMiB: number;
}

/** How a lease stands that was asked for. */
export interface Asked {
  id: string;
  phase: string;
  why: string;
  address: string;
  hostKey: string;
  /** ms from the request until SSH's banner. */
  readyMs: number;
}

/*
 * A requester with the VPN of all their leases. Each line of standard input is {"call", "argument"}; each is answered by a line
 * {"result"} or {"error"}, in order. A provider is an address with a port.
 */

const order = JSON.parse(process.argv[2] ?? "") as CheckpointRequesterOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const state = RequesterState.open(`${order.folder}/requester.json`);
const vpn = new VpnServer({ ...state.vpn, allowLan: false }, new HostGround(`${order.folder}/run`, log), log);
const requester = new Requester({
  ...{ state, vpn, log, clock: systemClock },
  transportTo: (provider) => new LeaseHttp(provider, log),
});
await requester.start();
const checkpointsOf = (provider: string) =>
  new CheckpointHttp(new LeaseHttp(provider, log).base, state.key, (count) => randomBytes(count));

const calls: Record<string, (argument: never) => unknown> = {
  key: () => state.requester,
  request: async ({
    provider,
    restoreFrom,
  }: {
    provider: string;
    restoreFrom?: LeaseRestore;
  }): Promise<Asked> => {
    const beganMs = performance.now();
    const client = requester.request(provider, {
      resources: { cpus: 1, memoryMiB: 256, diskMiB: order.diskMiB, upKbit: undefined, downKbit: undefined },
      ...{ durationS: 900, image: "small", activity: "a lab that saves machines", sshKey: order.sshKey },
      ...{ network: undefined, acceptsInspection: true, heardAt: order.heardAt },
      ...(restoreFrom ? { restoreFrom } : {}),
    });
    const { phase, why } = await client.ready();
    const { address } = client.status;
    const readyMs = Math.round(performance.now() - beganMs);
    return { id: client.id, phase, why, address, hostKey: client.kept.hostKey ?? "", readyMs };
  },
  /** Has it saved. @returns ms until it was */
  save: async (id: string): Promise<number> => {
    const client = requester.lease(id);
    if (!client) throw new Error(`there is no lease ${id}`);
    const beganMs = performance.now();
    await client.checkpoint();
    while (client.status.phase !== "checkpointed") {
      if (client.status.phase === "ended" || client.status.steps.some(({ name }) => name === "not saved"))
        throw new Error(`${client.status.phase}: ${client.status.why}`);
      await Bun.sleep(20);
    }
    return Math.round(performance.now() - beganMs);
  },
  fetch: ({ provider, id, path }: { provider: string; id: string; path: string }) =>
    checkpointsOf(provider).fetch(id, path),
  bring: ({ provider, path }: { provider: string; path: string }) => checkpointsOf(provider).bring(path),
  phase: (id: string) => requester.lease(id)?.status.phase ?? "ended",
  ended: async (id: string) => (await requester.lease(id)?.ended())?.outcome ?? "ended",
  releaseAll: async () => {
    await Promise.all(requester.leases().map((client) => client.release()));
  },
  release: async (id: string) => (await requester.lease(id)?.release())?.outcome ?? "ended",
  stop: () => requester.stop(),
};

console.log(JSON.stringify({ result: "ready" }));
for await (const line of console) {
  const { call, argument } = JSON.parse(line) as { call: string; argument: never };
  try {
    console.log(JSON.stringify({ result: (await calls[call]?.(argument)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
process.exit(0);
