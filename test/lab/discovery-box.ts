/**
 * Local discovery alone, as a process of its own, for labs: prints one JSON line for each event.
 * Arguments: one JSON text, {@link DiscoveryBoxConfig}. Ends with a goodbye at SIGTERM; SIGUSR1 asks who is here.
 */
import { randomBytes } from "node:crypto";
import { InterfaceMonitor } from "../../src/host/interface-monitor.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { LocalDiscovery } from "../../src/mesh/discovery/local-discovery.ts";
import { localInterfaces } from "../../src/mesh/discovery/local-interfaces.ts";
import { peerIdOf } from "../../src/mesh/engine/peer-id.ts";

export interface DiscoveryBoxConfig {
  networks: { id: string; publicKey: string; sharedKeys: string[]; port: number }[];
  loopback?: boolean;
  exclude?: string[];
  runFolder: string;
}

if (import.meta.main) {
  const config = JSON.parse(process.argv[2] ?? "") as DiscoveryBoxConfig;
  const say = (event: string, more: object) =>
    process.stdout.write(`${JSON.stringify({ event, atMs: Date.now(), ...more })}\n`);
  const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
  const log = createLog({
    level: "debug",
    destination: { write: (line) => void process.stderr.write(line) },
  });
  const monitor = new InterfaceMonitor({
    runFolder: config.runFolder,
    log,
    timers: systemTimers,
    lost: (name) => say("lost", { name }),
    changed: (_, changes) => {
      say("changed", { changes });
      discovery.refresh();
    },
  });
  const networks = config.networks.map(({ id, publicKey, sharedKeys, port }) => ({
    id,
    peer: peerIdOf(bytes(publicKey)),
    sharedKeys: () => sharedKeys.map(bytes),
    ports: () => ({ tcp: port, ws: port + 1, udp: port + 2 }),
  }));
  const discovery = new LocalDiscovery({
    interfaces: () =>
      localInterfaces(monitor.current(), { exclude: config.exclude ?? [], metered: [], kinds: {} }),
    networks: () => networks,
    loopback: config.loopback ?? false,
    timers: systemTimers,
    randomBytes,
    log,
  });
  discovery.on("sighted", (network, sighting) => say("sighted", { network, ...sighting }));
  discovery.on("gone", (network, sighting) => say("gone", { network, ...sighting }));
  process.on("SIGTERM", () => {
    void discovery.stop().then(async () => {
      await monitor.stop();
      process.exit(0);
    });
  });
  await monitor.start();
  discovery.start();
  say("started", {});
}
