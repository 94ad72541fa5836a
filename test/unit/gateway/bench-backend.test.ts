import { describe, expect, test } from "bun:test";
import { BenchBackend } from "../../../src/gateway/index.ts";

describe("the bench's guest network", () => {
  const bench = new BenchBackend("127.0.0.1", 8080);

  test("makes up a locally administered station for every address, the same each time", async () => {
    const first = await bench.stationAt("127.0.0.1");
    expect(first).toEqual(await bench.stationAt("127.0.0.1"));
    expect(first.mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    expect((await bench.stationAt("127.0.0.2")).mac).not.toBe(first.mac);
  });

  test("serves the portal on this machine, under the names that a browser may use for it", () => {
    expect(bench.portalUrl).toBe("http://127.0.0.1:8080");
    expect(bench.portalHosts).toEqual(["127.0.0.1", "localhost"]);
    expect(bench.portalListens).toEqual([{ address: "127.0.0.1", port: 8080 }]);
  });

  test("has no way out and no leases", () => {
    expect(bench.uplinkUsable).toBe(false);
    expect(bench.leases()).toEqual([]);
  });

  test("is never in trouble", () => {
    expect(bench.trouble()).toBeUndefined();
  });
});
