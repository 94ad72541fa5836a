import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import type { NatKind } from "../../src/mesh/nat/nat-interface.ts";
import type { Endpoint } from "../../src/mesh/paths/endpoint.ts";
import { clearRelays } from "../../src/mesh/tunnels/relay-kernel.ts";
import type { RelayQuotas } from "../../src/mesh/tunnels/relay-ruleset.ts";
import type { TunnelStatus } from "../../src/mesh/tunnels/tunnel.ts";
import { Tunnels } from "../../src/mesh/tunnels/tunnels.ts";
import { UdpRelay } from "../../src/mesh/tunnels/udp-relay.ts";
import { HubChannel } from "./tunnel-hub.ts";

/*
 * A box that has tunnels only, run in a lab's namespace and told what to do through the hub:
 * bun test/lab/tunnel-box.ts NAME HUB-SOCKET RUN-FOLDER
 */

export type BoxOrder =
  | { do: "be"; nat: NatKind; relays: string[] }
  | { do: "open"; peer: string; own: string; other: string; lifetimeMs?: number; netns?: string }
  | { do: "accept"; own: string; other: string; netns?: string }
  | { do: "refuse" }
  | { do: "moved" }
  | { do: "relay"; quotas: RelayQuotas; table?: string }
  /** As a box does when it starts, whatever networks it is in. */
  | { do: "clear-relays" }
  | { do: "relay-status" }
  | { do: "stop-relay" }
  | { do: "close" }
  | { do: "status" }
  /** Sends numbered datagrams to the other's echo port for so long; answers when each came back. */
  | { do: "stream"; to: string; forMs: number; everyMs: number }
  | { do: "echo"; at: string }
  /** Pushes as much over TCP to the other's sink as goes; answers in Mbit/s that arrived. */
  | { do: "push"; to: string; forMs: number };

/** What came back of a stream of datagrams. */
export interface StreamReport {
  sent: number;
  returned: number;
  /** The longest time between two that came back, and when it began, ms since the stream did. */
  longestGapMs: number;
  gapAtMs: number;
}

export interface OpenReport {
  /** From the order to the first proof. */
  upMs: number;
  phase: TunnelStatus["phase"];
}

const ECHO_PORT = 7_007;
const SINK_PORT = 7_008;
/** What the streams' datagrams say, for who listens on the way. */
export const PLAINTEXT = "a word that only the two ends know";

async function main(name: string, hubPath: string, runFolder: string): Promise<void> {
  const log = createLog({ level: "debug" });
  let nat: NatKind = "unknown";
  let relays: string[] = [];
  const channel = new HubChannel(hubPath, name, obey);
  const tunnels = new Tunnels({
    channel,
    endpoints: ownEndpoints,
    natKind: () => nat,
    relays: () => relays,
    rules: () => ({ forbidden: [], own: ownAddresses().map(({ address }) => address) }),
    isMetered: () => false,
    runFolder,
    timers: systemTimers,
    randomBytes,
    log,
    quotas: { tunnels: 8, tunnelsPerPeer: 4 },
  });
  let relay: UdpRelay | undefined;
  const echoing = new Set<string>();
  await tunnels.start();
  await channel.start();
  process.on("SIGTERM", () => void Promise.all([tunnels.stop(), relay?.stop()]).then(() => process.exit(0)));

  async function obey(order: BoxOrder): Promise<unknown> {
    switch (order.do) {
      case "be":
        ({ nat, relays } = order);
        return;
      case "accept":
        tunnels.onOffer(async () => wish(order));
        return;
      case "refuse":
        tunnels.onOffer(async () => undefined);
        return;
      case "open": {
        const startedMs = performance.now();
        const { lifetimeMs } = order;
        const tunnel = await tunnels.open(order.peer, {
          device: wish(order),
          purpose: "lab",
          ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
        });
        await tunnel.up(20_000);
        return { upMs: performance.now() - startedMs, phase: tunnel.phase } satisfies OpenReport;
      }
      case "relay":
        relay = new UdpRelay({
          channel,
          addresses: ownAddresses,
          endpoints: ownEndpoints,
          quotas: order.quotas,
          ...(order.table === undefined ? {} : { table: order.table }),
          timers: systemTimers,
          random: Math.random,
          log,
        });
        return relay.start();
      case "clear-relays":
        return clearRelays();
      case "relay-status":
        return relay?.status();
      case "stop-relay":
        await relay?.stop();
        relay = undefined;
        return;
      case "moved":
        tunnels.moved();
        return;
      case "close":
        for (const { id } of tunnels.status()) await tunnels.close(id);
        return;
      case "status":
        return tunnels.status();
      case "echo":
        if (!echoing.has(order.at)) await startEcho(order.at);
        echoing.add(order.at);
        return;
      case "push":
        return push(order.to, order.forMs);
      case "stream":
        return stream(order.to, order.forMs, order.everyMs);
    }
  }
}

const wish = ({ own, other, netns }: { own: string; other: string; netns?: string }) => ({
  addresses: [`${own}/24`],
  allowedIps: [`${other}/32`],
  ...(netns === undefined ? {} : { netns }),
});

function ownAddresses(): { address: string; interface: string }[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => !name.startsWith("omt-"))
    .flatMap(([name, addresses]) => (addresses ?? []).map((address) => ({ ...address, interface: name })))
    .filter(({ internal, family }) => !internal && family === "IPv4");
}

const ownEndpoints = (port: number): Endpoint[] => ownAddresses().map(({ address }) => ({ address, port }));

/** Echoes datagrams, and counts what comes by TCP, telling the sum when the other has ended. */
async function startEcho(at: string): Promise<void> {
  Bun.listen<{ count: number }>({
    hostname: at,
    port: SINK_PORT,
    allowHalfOpen: true,
    socket: {
      open: (socket) => {
        socket.data = { count: 0 };
      },
      data: (socket, chunk) => {
        socket.data.count += chunk.length;
      },
      end: (socket) => {
        socket.end(String(socket.data.count));
      },
    },
  });
  await Bun.udpSocket({
    hostname: at,
    port: ECHO_PORT,
    socket: {
      data: (socket, datagram, port, address) => {
        socket.send(datagram, port, address);
      },
    },
  });
}

async function push(to: string, forMs: number): Promise<number> {
  const chunk = new Uint8Array(65_536);
  const startedMs = performance.now();
  const arrived = await new Promise<number>((resolve, reject) => {
    const fill = (socket: Bun.Socket) => {
      while (performance.now() - startedMs < forMs) {
        if (socket.write(chunk) < chunk.length) return;
      }
      socket.shutdown();
    };
    Bun.connect({
      hostname: to,
      port: SINK_PORT,
      allowHalfOpen: true,
      socket: {
        open: fill,
        drain: fill,
        data: (socket, answer) => {
          socket.end();
          resolve(Number(Buffer.from(answer).toString()));
        },
        error: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
  return (arrived * 8) / 1_000 / (performance.now() - startedMs);
}

async function stream(to: string, forMs: number, everyMs: number): Promise<StreamReport> {
  const startedMs = performance.now();
  const cameMs: number[] = [];
  const socket = await Bun.udpSocket({
    socket: { data: () => void cameMs.push(performance.now() - startedMs) },
  });
  let sent = 0;
  while (performance.now() - startedMs < forMs) {
    try {
      socket.send(PLAINTEXT, ECHO_PORT, to);
    } catch {
      // No route for the moment: lost, as any other.
    }
    sent++;
    await Bun.sleep(everyMs);
  }
  await Bun.sleep(300);
  socket.close();
  let [longestGapMs, gapAtMs] = [0, 0];
  const marks = [0, ...cameMs, forMs];
  for (let i = 1; i < marks.length; i++) {
    const [from = 0, until = 0] = [marks[i - 1], marks[i]];
    if (until - from > longestGapMs) [longestGapMs, gapAtMs] = [until - from, from];
  }
  return { sent, returned: cameMs.length, longestGapMs, gapAtMs };
}

if (import.meta.main) {
  const [name, hubPath, runFolder] = process.argv.slice(2);
  if (!name || !hubPath || !runFolder) throw new Error("usage: tunnel-box NAME HUB-SOCKET RUN-FOLDER");
  await main(name, hubPath, runFolder);
}
