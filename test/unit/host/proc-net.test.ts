import { describe, expect, test } from "bun:test";
import { bridgePorts, hasWayOut, interfaceExists, ipv4NetworksInUse } from "../../../src/host/proc-net.ts";

describe("the kernel's own words about its network", () => {
  test("say which interfaces there are", () => {
    expect(interfaceExists("lo")).toBe(true);
    expect(interfaceExists("no-such-iface")).toBe(false);
  });

  test("give the networks in use as address and prefix, without the default route", () => {
    for (const network of ipv4NetworksInUse("no-such-iface")) {
      expect(network).toMatch(/^(\d{1,3}\.){3}\d{1,3}\/([1-9]|[12]\d|3[0-2])$/);
    }
  });

  test("know no way out by an interface that is not there", () => {
    expect(hasWayOut("no-such-iface")).toBe(false);
  });

  test("know no ports of what is no bridge", () => {
    expect(bridgePorts("lo")).toEqual([]);
  });
});
