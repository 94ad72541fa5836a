// A member with certificates that hold, and bad intentions: it says that it is where somebody else is, or floods the others.
// What it did is told on one line of JSON.
import { randomBytes } from "node:crypto";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Memberships, openDeviceKey, signingKey } from "../../src/identity/index.ts";
import { encodeRecord } from "../../src/mesh/directory/peer-record.ts";
import { answerPull, tagOf } from "../../src/mesh/directory/set-sync.ts";
import { Libp2pEngine } from "../../src/mesh/engine/engine.ts";
import { Datagrams } from "../../src/mesh/network/datagrams.ts";
import { SessionAgreement } from "../../src/mesh/network/session-agreement.ts";
import { learnedWay } from "../../src/mesh/network/ways.ts";
import { encodeWays } from "../../src/mesh/network/ways-message.ts";
import { endpointText } from "../../src/mesh/paths/endpoint.ts";

export interface LiarPlan {
  folder: string;
  link: string;
  peers: readonly { peer: string; address: string; endpoint: { address: string; port: number } }[];
  /** "lies": about its addresses, which are the victim's; "floods": the others with messages, records and garbage. */
  does: "lies" | "floods";
  victim: string;
  forMs: number;
}

export interface LiarReport {
  peer: string;
  /** Members that it was connected to, and with which it has agreed on keys. */
  connected: number;
  agreed: number;
  records: number;
  published: number;
  messages: number;
  streams: number;
}

async function live({ folder, link, peers, does, victim, forMs }: LiarPlan): Promise<LiarReport> {
  const log = createLog({ level: "error", human: false });
  const told = () => {};
  const memberships = new Memberships(folder, openDeviceKey(folder, told), systemClock, told).open();
  const { membership } = memberships.join(link, "honest");
  const report: LiarReport = {
    peer: "",
    connected: 0,
    agreed: 0,
    records: 0,
    published: 0,
    messages: 0,
    streams: 0,
  };
  const engine = new Libp2pEngine({
    passport: membership,
    listen: { hosts: ["0.0.0.0", "::"], tcpPort: 4_600, wsPort: 4_601 },
    stunServers: () => [],
    relay: { serve: false, maxReservations: 0, maxCircuitKbit: 0, maxTotalKbit: 0 },
    timers: systemTimers,
    log,
  });
  report.peer = engine.peer;
  const datagrams = new Datagrams({
    engine,
    port: 4_600,
    address: undefined,
    prefer: ["ethernet", "internet"],
    relay: { totalKbit: 0, perPeerKbit: 0 },
    lora: undefined,
    streamsChanged: () => {},
    classify: (target, name) => learnedWay(target, name, { interfaces: [], ownNat: "open" }, () => false),
    timers: systemTimers,
    log,
  });
  const { paths } = datagrams;
  let round = 0;
  /** Others at every time, so that nobody remembers them. */
  const ports = (count: number): number[] =>
    Array.from({ length: count }, (_, index) => 1_024 + ((round * 16 + index) % 60_000));
  const endpoints = (count: number) => ports(count).map((port) => ({ address: victim, port }));
  const agreement = new SessionAgreement({
    engine,
    offer: () => ({ index: paths.newIndex(), endpoints: endpoints(10), relays: false }),
    randomBytes,
    agreed: (peer, keys) => {
      report.agreed += 1;
      paths.addPeer(peer, keys);
    },
    timers: systemTimers,
  });
  agreement.serve();
  await datagrams.start();
  await engine.start();
  const record = () => {
    round += 1;
    report.records += 1;
    const isLying = does === "lies";
    return encodeRecord(
      {
        sequence: round,
        chain: membership.chain(),
        name: "honest",
        addresses: isLying ? ports(16).map((port) => `/ip4/${victim}/tcp/${port}`) : [],
        endpoints: isLying ? endpoints(16).map(endpointText) : [],
        nat: "open",
        relays: true,
        reachedBy: [],
        services: [],
        load: 0,
      },
      signingKey(membership.seed),
    );
  };
  // As any member does, so that it is listened to.
  for (const topic of ["records", "statements"]) engine.subscribe(topic, () => "accept");
  engine.handle("/omerta/records/1", (stream) =>
    answerPull(stream, {
      *items() {
        const encoded = record();
        yield { tag: tagOf(encoded), encoded };
      },
      accept: () => {},
    }),
  );
  paths.handle("ways", () => {});
  for (const { peer, address } of peers) {
    await engine.dial(peer, [address], 8_000);
    await agreement.ask(peer);
  }
  report.connected = new Set(engine.connections().map(({ peer }) => peer)).size;
  const endsAtMs = performance.now() + forMs;
  const isOver = () => performance.now() > endsAtMs;
  if (does === "lies") {
    while (!isOver()) {
      await engine.publish("records", record());
      report.published += 1;
      const ways = { endpoints: endpoints(10).map(endpointText), nat: "open", relays: true } as const;
      const addresses = ports(10).map((port) => `/ip4/${victim}/tcp/${port}`);
      for (const { peer } of peers)
        paths.submit(peer, "ways", encodeWays({ ...ways, addresses }, 1_000), { urgency: "control" }, () => {
          report.messages += 1;
        });
      // New keys bring new endpoints with them.
      for (const { peer } of peers) await agreement.ask(peer).catch(() => undefined);
      await Bun.sleep(1_000);
    }
  } else {
    for (const { peer, endpoint } of peers)
      paths.offer(peer, { kind: "ethernet", target: { by: "udp", endpoint }, cost: 0, metered: false });
    const flood = async (once: () => Promise<unknown> | undefined, pauseMs: number) => {
      while (!isOver()) {
        for (let burst = 0; burst < 20; burst += 1) void once()?.catch(() => undefined);
        await Bun.sleep(pauseMs);
      }
    };
    const peerOf = () => peers[Math.floor(Math.random() * peers.length)]?.peer ?? "";
    await Promise.all([
      flood(() => {
        report.published += 1;
        return engine.publish("records", record());
      }, 20),
      flood(() => {
        report.published += 1;
        return engine.publish("statements", randomBytes(8_000));
      }, 20),
      flood(() => {
        paths.submit(peerOf(), "ways", randomBytes(900), { urgency: "sos", timeoutMs: 2_000 }, () => {
          report.messages += 1;
        });
        return undefined;
      }, 5),
      flood(async () => {
        report.streams += 1;
        const stream = await engine.open(peerOf(), "/omerta/records/1", { timeoutMs: 1_000 });
        await stream.send(randomBytes(131_072));
        await stream.close();
      }, 50),
    ]);
  }
  // It goes without a word.
  return report;
}

if (import.meta.main) {
  const report = await live(JSON.parse(process.argv[2] ?? "{}") as LiarPlan);
  console.log(JSON.stringify(report));
  process.exit(0);
}
