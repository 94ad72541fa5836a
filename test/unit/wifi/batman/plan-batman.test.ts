import { describe, expect, test } from "bun:test";
import { wifi } from "../../../../src/config/wifi-schema.ts";
import type { MeshInterface } from "../../../../src/wifi/air/mesh-interfaces.ts";
import { planBatman } from "../../../../src/wifi/batman/plan-batman.ts";

const config = (wires: string[] = []) => wifi.parse({ mesh: { wires } }).mesh;
const keyHash = Uint8Array.from({ length: 32 }, (_, index) => index);
const radio = (name: string, change: Partial<MeshInterface> = {}): MeshInterface => ({
  name,
  macAddress: "02:00:00:00:00:07",
  frequencyMhz: 2_412,
  band: "2.4GHz",
  meshId: "omerta",
  shared: false,
  ...change,
});

describe("planBatman", () => {
  test("takes every radio of the mesh and every wire that the operator names", () => {
    const plan = planBatman(config(["eth1"]), keyHash, [radio("mesh0"), radio("mesh1")], []);
    expect(plan.hardInterfaces.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      "radio mesh0",
      "radio mesh1",
      "wire eth1",
    ]);
  });

  test("prefers a wire to a radio of its own, and that to one that phones share", () => {
    const radios = [radio("mesh0", { shared: true }), radio("mesh1", { band: "5GHz" })];
    const { hardInterfaces } = planBatman(config(["eth1"]), keyHash, radios, []);
    const order = [...hardInterfaces].sort((a, b) => a.hopPenalty - b.hopPenalty).map(({ name }) => name);
    expect(order).toEqual(["eth1", "mesh1", "mesh0"]);
  });

  test("never takes an interface that guests are on, and says so", () => {
    const plan = planBatman(config(["eth1", "eth2"]), keyHash, [], ["eth1"]);
    expect(plan.hardInterfaces.map(({ name }) => name)).toEqual(["eth2"]);
    expect(plan.notes).toEqual(["eth1 is for guests, so it is no wire of the mesh"]);
  });

  test("takes an interface once that is named twice, or that is a radio already", () => {
    const plan = planBatman(config(["mesh0", "eth1", "eth1"]), keyHash, [radio("mesh0")], []);
    expect(plan.hardInterfaces.map(({ name }) => name)).toEqual(["mesh0", "eth1"]);
  });

  test("leaves room for a whole frame on radios, and a wire's frames as they are", () => {
    const { hardInterfaces } = planBatman(config(["eth1"]), keyHash, [radio("mesh0")], []);
    expect(hardInterfaces.map(({ mtu }) => mtu)).toEqual([1_560, undefined]);
  });

  test("gives a box two addresses of its own, locally administered and the same each time", () => {
    const { macAddress, identityMacAddress } = planBatman(config(), keyHash, [], []);
    expect(macAddress).toBe("02:10:11:12:13:14");
    expect(identityMacAddress).toBe("0e:6d:15:16:17:18");
  });
});
