// One who wants in and may not: a libp2p node of the box's own engine that takes everybody for a member and shows what it was
// given. It tries every transport at every address, says on one line of JSON what came of each, and what it got.

import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import type { Passport } from "../../src/identity/index.ts";
import { Libp2pEngine } from "../../src/mesh/engine/engine.ts";

/** All bytes in base64. */
export interface IntruderPlan {
  seed: string;
  chain: string;
  sharedKeys: readonly string[];
  target: string;
  /** What is tried, in this order: multiaddrs without the peer. */
  addresses: readonly string[];
  /** Streams that it tries to open where it gets in. */
  protocols: readonly string[];
  /** How long it stays and lets others come. */
  stayMs: number;
}

export interface IntruderReport {
  /** By address: "connected", or why not. */
  attempts: Record<string, string>;
  /** Frames that it got from anybody, by protocol. */
  got: Record<string, number>;
  /** Who connected to it. */
  joined: readonly string[];
  peer: string;
}

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));

async function intrude(plan: IntruderPlan): Promise<IntruderReport> {
  const passport: Passport = {
    seed: bytes(plan.seed),
    chain: () => bytes(plan.chain),
    check: (_, publicKey) => ({ publicKey, role: "box", name: "", grants: [], expiresAt: 0 }),
    isStillMember: () => true,
    sharedKeys: () => plan.sharedKeys.map(bytes),
  };
  const engine = new Libp2pEngine({
    passport,
    listen: { hosts: ["0.0.0.0", "::"], tcpPort: 4_600, wsPort: 4_601 },
    stunServers: () => [],
    relay: { serve: true, maxReservations: 10, maxCircuitKbit: 10_000, maxTotalKbit: 10_000 },
    timers: systemTimers,
    log: createLog({ level: "error", human: false }),
  });
  const report = { attempts: {}, got: {}, joined: [], peer: engine.peer } as {
    attempts: Record<string, string>;
    got: Record<string, number>;
    joined: string[];
    peer: string;
  };
  engine.on("joined", (peer) => report.joined.push(peer));
  for (const topic of ["records", "statements"])
    engine.subscribe(topic, () => {
      report.got[topic] = (report.got[topic] ?? 0) + 1;
      return "accept";
    });
  await engine.start();
  for (const address of plan.addresses) {
    try {
      await engine.dial(plan.target, [address], 6_000);
      // A side that refuses does so after the other's handshake is through.
      await Bun.sleep(300);
      const isThere = engine.connections(plan.target).length > 0;
      report.attempts[address] = isThere ? "connected" : "closed at once";
    } catch (error) {
      report.attempts[address] = error instanceof Error ? error.message : String(error);
    }
    for (const protocol of plan.protocols) {
      try {
        const stream = await engine.open(plan.target, protocol, { timeoutMs: 1_000 });
        await stream.send(new Uint8Array(0));
        await stream.close();
        for await (const _ of stream.frames()) report.got[protocol] = (report.got[protocol] ?? 0) + 1;
      } catch {
        // As it should be.
      }
    }
  }
  await Bun.sleep(plan.stayMs);
  await engine.stop();
  return report;
}

if (import.meta.main) {
  const report = await intrude(JSON.parse(process.argv[2] ?? "{}") as IntruderPlan);
  console.log(JSON.stringify(report));
  process.exit(0);
}
