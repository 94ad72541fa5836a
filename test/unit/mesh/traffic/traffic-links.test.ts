import { expect, test } from "bun:test";
import type { HostInterface } from "../../../../src/host/interfaces.ts";
import type { LocalInterface } from "../../../../src/mesh/discovery/discovery-interface.ts";
import { trafficLinks } from "../../../../src/mesh/traffic/traffic-links.ts";

const face = (name: string, up = true) => ({ name, index: 1, up, addresses: [], hasWayOut: false });
const ours = (name: string, kind: LocalInterface["kind"], up = true): LocalInterface => ({
  ...face(name, up),
  ...{ kind, metered: false },
});
const host = (name: string, up = true): HostInterface => ({
  ...face(name, up),
  kind: "ethernet",
  carrier: up,
});

test("the mesh's links and those known by name are in order, the latter wherever they exist", () => {
  const known = [
    { name: "eth0", upKbit: 900 },
    { name: "wan0", upKbit: 500 },
    { name: "wan1" },
    { name: "usb7" },
  ];
  const all = trafficLinks(
    [ours("eth0", "ethernet"), ours("bat0", "radio"), ours("wg0", "tunnel"), ours("eth1", "ethernet", false)],
    known,
    [host("eth0"), host("bat0"), host("wan0"), host("wan1", false)],
  );
  expect(all).toEqual([{ name: "eth0", upKbit: 900 }, { name: "bat0" }, { name: "wan0", upKbit: 500 }]);
});
