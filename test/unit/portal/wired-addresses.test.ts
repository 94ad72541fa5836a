import { expect, test } from "bun:test";
import { wiredListens } from "../../../src/portal/wired-addresses.ts";

test("the operator's page is on the private addresses of wires alone", () => {
  const v4 = (address: string) => ({ address, family: "IPv4" as const });
  const v6 = (address: string) => ({ address, family: "IPv6" as const });
  const interfaces = {
    eth0: [v4("192.168.1.7"), v4("169.254.8.90"), v6("fe80::1"), v6("fd00::7"), v6("2001:db8::7")],
    eth1: [v4("203.0.113.7"), v4("172.32.0.1"), v4("100.64.0.1")],
    "br-guest": [v4("10.20.0.1")],
    gone: undefined,
  };
  expect(wiredListens(interfaces, (name) => name.startsWith("eth"), 8_090)).toEqual([
    "192.168.1.7:8090",
    "169.254.8.90:8090",
    "[fd00::7]:8090",
  ]);
});
