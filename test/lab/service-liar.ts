// A member with certificates that hold, which asks another box for connections to ports of its choice. What came of each is
// told on one line of JSON.
import { encodeServiceFrame, SERVICE_PROTOCOL } from "../../src/gateway/far-services/service-frames.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Memberships, openDeviceKey } from "../../src/identity/index.ts";
import { Libp2pEngine } from "../../src/mesh/engine/engine.ts";

export interface ServiceLiarPlan {
  folder: string;
  link: string;
  target: string;
  /** Multiaddr without the peer. */
  address: string;
  ports: readonly number[];
}

/** By port: how many bytes came back, or that it was broken off. */
export type ServiceLiarReport = Record<number, number | "broken off">;

async function ask({ folder, link, target, address, ports }: ServiceLiarPlan): Promise<ServiceLiarReport> {
  const told = () => {};
  const memberships = new Memberships(folder, openDeviceKey(folder, told), systemClock, told).open();
  const engine = new Libp2pEngine({
    passport: memberships.join(link, "honest").membership,
    listen: { hosts: ["0.0.0.0"], tcpPort: 4_600, wsPort: 4_601 },
    stunServers: () => [],
    relay: { serve: false, maxReservations: 0, maxCircuitKbit: 0, maxTotalKbit: 0 },
    timers: systemTimers,
    log: createLog({ level: "error", human: false }),
  });
  await engine.start();
  await engine.dial(target, [address], 8_000);
  const report: ServiceLiarReport = {};
  for (const port of ports) {
    let bytes = 0;
    try {
      const stream = await engine.open(target, SERVICE_PROTOCOL);
      await stream.send(encodeServiceFrame({ kind: "ask", port }));
      const request = Buffer.from("GET / HTTP/1.0\r\n\r\n");
      await stream.send(encodeServiceFrame({ kind: "data", bytes: request }));
      await stream.send(encodeServiceFrame({ kind: "end" }));
      for await (const frame of stream.frames()) bytes += frame.length;
      report[port] = bytes;
    } catch {
      report[port] = "broken off";
    }
  }
  return report;
}

if (import.meta.main) {
  const report = await ask(JSON.parse(process.argv[2] ?? "{}") as ServiceLiarPlan);
  console.log(JSON.stringify(report));
  process.exit(0);
}
