import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import {
  HostGround,
  type LeaseClient,
  LeaseHttp,
  Requester,
  RequesterState,
  VpnServer,
} from "../../src/requester/index.ts";

/** As JSON, the process's one argument. */
export interface BorrowerOrder {
  /** Of what it keeps; another one with it goes on with its leases. */
  folder: string;
  heardAt: string;
  /** The box's address. */
  provider: string;
  sshKey: string;
}

export interface Wish {
  image: string;
  memoryMiB: number;
  diskMiB: number;
}

/** A lease that is ready, or is not to be. */
export interface Ready {
  phase: string;
  why: string;
  address: string;
  banner: string;
  /** ms from the request. */
  afterMs: number;
}

/*
 * A requester with many leases and their VPN. Each line of standard input is {"number", "call", "argument"}; each is answered by
 * a line {"number", "result"} or {"number", "error"} when it is done, so that many can be under way.
 */

const order = JSON.parse(process.argv[2] ?? "") as BorrowerOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const state = RequesterState.open(`${order.folder}/requester.json`);
const vpn = new VpnServer({ ...state.vpn, allowLan: false }, new HostGround(`${order.folder}/run`, log), log);
const requester = new Requester({
  ...{ state, vpn, log, clock: systemClock },
  transportTo: (provider) => new LeaseHttp(provider, log),
});
/** Also those that are over. */
const known = new Map<string, { client: LeaseClient; askedMs: number }>();
const clientOf = (id: string) => {
  const one = known.get(id) ?? { client: requester.lease(id), askedMs: performance.now() };
  if (!one.client) throw new Error(`there is no lease ${id}`);
  return { ...one, client: one.client };
};

const calls: Record<string, (argument: never) => unknown> = {
  /** @returns its id, at once */
  borrow: ({ image, memoryMiB, diskMiB }: Wish) => {
    const client = requester.request(order.provider, {
      resources: { cpus: 1, memoryMiB, diskMiB, upKbit: undefined, downKbit: undefined },
      ...{ durationS: 900, image, activity: "a lab of many leases", sshKey: order.sshKey },
      ...{ network: undefined, acceptsInspection: true, heardAt: order.heardAt },
    });
    known.set(client.id, { client, askedMs: performance.now() });
    return client.id;
  },
  ready: async (id: string): Promise<Ready> => {
    const { client, askedMs } = clientOf(id);
    const { phase, why } = await client.ready();
    const { address, banner = "" } = client.status;
    return { phase, why, address, banner, afterMs: Math.round(performance.now() - askedMs) };
  },
  /** @returns what its end was */
  release: async (id: string): Promise<string> => {
    const { outcome, why } = await clientOf(id).client.release();
    return `${outcome}: ${why}`;
  },
  leases: () => requester.leases().map(({ id }) => id),
  stop: () => requester.stop(),
};

await requester.start();
console.log(JSON.stringify({ number: 0, result: null }));
for await (const line of console) {
  const { number, call, argument } = JSON.parse(line) as { number: number; call: string; argument: never };
  void (async () => calls[call]?.(argument))().then(
    (result) => console.log(JSON.stringify({ number, result: result ?? null })),
    (error) => console.log(JSON.stringify({ number, error: String(error) })),
  );
}
process.exit(0);
