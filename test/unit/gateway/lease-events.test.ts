import { expect, test } from "bun:test";
import { LeaseEvents } from "../../../src/gateway/lease-events.ts";
import type { LeaseEvent } from "../../../src/gateway/leases.ts";
import { run } from "../../../src/host/run.ts";
import { until } from "../portal/until.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

test("what dnsmasq tells its script comes as events, also after a restart of the reader", async () => {
  const folder = scratch();
  for (let round = 0; round < 2; round += 1) {
    const events: LeaseEvent[] = [];
    const leases = new LeaseEvents(folder);
    await leases.start(
      (event) => void events.push(event),
      (error) => {
        throw error;
      },
    );
    await run([leases.script, "add", "02:00:00:00:00:01", "10.20.0.16", "phone"]);
    await run([leases.script, "init", "x", "y"]);
    await run([leases.script, "old", "02:00:00:00:00:01", "10.20.0.16"]);
    await until(() => events.length >= 2);
    leases.stop();
    expect(events).toEqual([
      { kind: "add", mac: "02:00:00:00:00:01", ipv4: "10.20.0.16" },
      { kind: "old", mac: "02:00:00:00:00:01", ipv4: "10.20.0.16" },
    ]);
  }
});
