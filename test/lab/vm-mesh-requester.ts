// Asks boxes for a machine by every way that a requester has, hears of it until it runs, and gives it back.
import { randomBytes } from "node:crypto";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../src/host/wireguard-key.ts";
import { memberWays } from "../../src/requester/provider-member-ways.ts";
import { askInTurn } from "../../src/requester/provider-turns.ts";
import type { ChosenProvider } from "../../src/requester/provider-ways.ts";
import { RequesterNetworks } from "../../src/requester/requester-networks.ts";
import { RequesterState } from "../../src/requester/requester-state.ts";
import { signLeaseCommand, signLeaseRequest } from "../../src/vm/request/index.ts";

/** As JSON, the process's one argument. */
export interface AskOrder {
  folder: string;
  /** Invites to join by first. */
  invites: string[];
  meshSocket: string;
  named: string | null;
}

/** Printed as one line of JSON. */
export interface AskReport {
  /** The ways that were to be tried. */
  chosen: string[];
  /** Of those that have not lent, why. */
  refused: string[];
  /** Who has lent. */
  by: string | null;
  news: string[];
  released: string | null;
  /** Why nobody could be asked. */
  error: string | null;
}

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAT2i4oO1Dp4dr8s+EeYKjiXBIMEybcjIC25KtNPdpmn";
const RUNS_WITHIN_MS = 20_000;

const order = JSON.parse(process.argv[2] ?? "") as AskOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const state = RequesterState.open(`${order.folder}/requester.json`);
const networks = RequesterNetworks.open(order.folder, systemClock, (message) => log.warn(message));
for (const invite of order.invites) networks.join(invite, "laptop");
const ways = memberWays({ networks: () => networks, meshSocket: order.meshSocket, randomBytes, log });
const resources = { cpus: 1, memoryMiB: 256, diskMiB: 0, upKbit: undefined, downKbit: undefined };
const report: AskReport = { chosen: [], refused: [], by: null, news: [], released: null, error: null };

/** One lease, as far as it comes. */
async function ask({ name, key: provider, network }: ChosenProvider) {
  const key = (network === undefined ? undefined : networks.keyIn(network)) ?? state.key;
  const requester = Buffer.from(key.publicKey).toString("hex");
  const id = randomBytes(16).toString("hex");
  const request = {
    ...{ id, requester, network, resources, durationS: 600, image: "small", sshKey: SSH_KEY },
    activity: "a lab that asks by the mesh",
    tunnel: {
      publicKey: wireGuardPublicKey(makeWireGuardKey()),
      ...{ endpoint: undefined, address: "10.66.7.2", dns: undefined },
    },
    acceptsInspection: true,
    createdAt: state.nextSerial(Date.now()),
  };
  const way = ways.transportTo(name);
  const runs = Promise.withResolvers<void>();
  const stop = way.events(id, (news) => {
    report.news.push(news.is === "preparing" ? news.step : news.is);
    if (news.is === "running" || news.is === "ended") runs.resolve();
  });
  try {
    const answer = await way.request(signLeaseRequest(request, key, provider));
    if (answer.is !== "admitted") return { is: "not lent" as const, why: answer.why };
    await Promise.race([runs.promise, Bun.sleep(RUNS_WITHIN_MS)]);
    const serial = state.nextSerial(Date.now());
    const said = await way.command(signLeaseCommand({ requester, serial, kind: "release", lease: id }, key));
    report.released = said.is;
    return { is: "lent" as const, what: answer };
  } finally {
    stop();
  }
}

try {
  const chosen = await ways.choose(order.named ?? undefined, { resources, durationS: 600, image: "small" });
  report.chosen = chosen.map(({ name }) => name);
  const { by, refused } = await askInTurn(chosen, ask);
  report.by = by?.name ?? null;
  report.refused = refused.map(({ why }) => why);
} catch (error) {
  report.error = error instanceof Error ? error.message : String(error);
}
console.log(JSON.stringify(report));
process.exit(0);
