import { afterAll, describe, expect, test } from "bun:test";
import { type CheckRequest, checkUplink } from "../../../../src/gateway/uplink/check-uplink.ts";
import { askByDevice } from "../../../../src/host/device-socket.ts";
import { systemTimers } from "../../../../src/host/timers.ts";

/** Servers of this machine itself, each with one answer. */
const answering = (response: () => Response) =>
  Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: response });
const servers = {
  reached: answering(() => new Response(null, { status: 204 })),
  captive: answering(() => Response.redirect("http://login.example/", 302)),
  broken: answering(() => new Response("", { status: 503 })),
};
afterAll(() => {
  for (const server of Object.values(servers)) server.stop(true);
});

const check = (targets: readonly (keyof typeof servers)[], more: Partial<CheckRequest> = {}) =>
  checkUplink(
    {
      ...{ device: "lo", family: 4, resolvers: [], publicResolvers: [], isRouterSilent: async () => false },
      targets: targets.map((name) => new URL(`http://127.0.0.1:${servers[name].port}/generate_204`)),
      ...more,
    },
    { ask: askByDevice, randomId: () => 1, timers: systemTimers },
  );

describe("a check of an uplink", () => {
  test("takes one target that answers for enough, whatever the others say", async () => {
    for (const targets of [["reached"], ["captive", "broken", "reached"]] as const) {
      const { outcome, rttMs } = await check(targets);
      expect(outcome).toBe("reached");
      expect(rttMs).toBeGreaterThan(0);
    }
  });

  test("tells a captive portal where no target answers as it should", async () => {
    expect(await check(["broken", "captive"])).toEqual({
      outcome: "captive",
      portalUrl: "http://login.example/",
    });
  });

  test("tells a router that is silent from one with nothing behind it", async () => {
    expect(await check(["broken"])).toEqual({ outcome: "associated" });
    expect(await check(["broken"], { isRouterSilent: async () => true })).toEqual({
      outcome: "router-silent",
    });
    const far = [new URL("http://name.example/generate_204")];
    expect(await check([], { targets: far })).toEqual({ outcome: "associated" });
  });
});
