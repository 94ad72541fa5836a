import { describe, expect, test } from "bun:test";
import {
  bridgePorts,
  hasWayOut,
  interfaceExists,
  interfaceMac,
  ipv4NetworksInUse,
  isIsolatedPort,
  sysctl,
} from "../../../src/host/proc-net.ts";

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

  test("tell an interface's address, and nothing of one that is not there", () => {
    expect(interfaceMac("lo")).toBe("00:00:00:00:00:00");
    expect([interfaceMac("no-such-iface"), isIsolatedPort("no-such-iface")]).toEqual(["", false]);
  });

  test("tell a parameter by its dots or, where an interface's name may hold one, by slashes", () => {
    expect(sysctl("net.ipv4.ip_forward")).toMatch(/^[01]$/);
    expect(sysctl("net/ipv4/ip_forward")).toBe(sysctl("net.ipv4.ip_forward"));
    expect(sysctl("net/ipv4/conf/eth0.10/no-such-parameter")).toBe("");
  });

  test("know no ports of what is no bridge", () => {
    expect(bridgePorts("lo")).toEqual([]);
  });
});
