import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { scratchFolders } from "../../scratch.ts";
import {
  echoed,
  serveEcho,
  startEngine,
  stopEngines,
  TestNetwork,
  tcpAddress,
  until,
} from "./engine-network.ts";

const folder = scratchFolders();

afterEach(stopEngines);

test("a process ends by itself once its engines have stopped, after connections of every kind", async () => {
  const startedMs = performance.now();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "exit-by-itself.ts")]);
  const said = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  expect(said).toBe("tcp\nws\ncircuit\nwebrtc\nstopped\n");
  expect(performance.now() - startedMs).toBeLessThan(8_000);
});

test("an engine that was stopped starts again, and serves what it served", async () => {
  const network = new TestNetwork("town", folder);
  const [a, b] = await Promise.all([startEngine(network.founder), startEngine(network.member())]);
  serveEcho(b);
  await a.dial(b.peer, [tcpAddress(b)], 5_000);
  await b.stop();
  await until(() => a.connections().length + b.connections().length === 0);
  expect(() => b.ports()).toThrow(/not started/);
  await b.start();
  await a.dial(b.peer, [tcpAddress(b)], 5_000);
  expect(await echoed(a, b.peer, [Buffer.from("again")])).toEqual([Buffer.from("again")]);
});

test("one port is found that is free on IPv4 and IPv6", async () => {
  const hosts = ["127.0.0.1", "::1"];
  const engine = await startEngine(new TestNetwork("town", folder).founder, {
    listen: { hosts, tcpPort: 0, wsPort: 0 },
  });
  for (const port of Object.values(engine.ports())) {
    for (const host of hosts) {
      const socket = await Bun.connect({ hostname: host, port, socket: { data() {} } });
      expect(socket.remotePort).toBe(port);
      socket.end();
    }
  }
});

test("a host that cannot be listened on is left out, and none at all is an error", async () => {
  const { founder } = new TestNetwork("town", folder);
  const engine = await startEngine(founder, {
    listen: { hosts: ["192.0.2.77", "127.0.0.1"], tcpPort: 0, wsPort: 0 },
  });
  expect(engine.ports().tcp).toBeGreaterThan(0);
  await expect(
    startEngine(founder, { listen: { hosts: ["192.0.2.77"], tcpPort: 0, wsPort: 0 } }),
  ).rejects.toThrow(/cannot listen on 192\.0\.2\.77/);
});
