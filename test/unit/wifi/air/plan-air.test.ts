import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { defaultConfig, type WifiConfig } from "../../../../src/config/index.ts";
import type { AirPlan } from "../../../../src/wifi/air/air-plan.ts";
import { type AirWishes, planAir } from "../../../../src/wifi/air/plan-air.ts";
import { parseHostapdConf } from "../../../../src/wifi/hostapd-conf/index.ts";
import { parseInventory } from "../../../../src/wifi/inventory/index.ts";
import { planRadios } from "../../../../src/wifi/plan/index.ts";
import type { RadioInventory } from "../../../../src/wifi/radio-inventory.ts";
import { parseWpaConf } from "../../../../src/wifi/wpa-conf/index.ts";
import { arbitraryInventory, arbitraryWifiConfig } from "../plan/arbitrary-radios.ts";

const BOARDS = resolve(import.meta.dir, "../../../../hardware/boards");

function board(name: string): RadioInventory {
  const { country, radios } = parseInventory(readFileSync(`${BOARDS}/${name}.json`, "utf8"), name);
  return { country, radios };
}

const WISHES = {
  bridge: "br-guest",
  runFolder: "/run/omerta-box/wifi",
  deviceHash: new Uint8Array(32).fill(7),
  meshPassword: "a password",
  uplinks: [],
  plain: new Set<string>(),
};

function airOf(inventory: RadioInventory, wishes: Partial<AirWishes> = {}): AirPlan {
  const config = { ...defaultConfig().wifi, ssid: "Omerta Box" };
  return planAir(planRadios(inventory, config, []), inventory, { ...WISHES, config, ...wishes });
}

function service(plan: AirPlan, name: string) {
  const found = plan.radios.flatMap(({ services }) => services).find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} is not in the plan`);
  return found;
}

describe("what is made of a radio plan", () => {
  test("opens the network in the guests' bridge, with an encrypted twin that each points at the other", () => {
    const plan = airOf(board("panda-pau09"));
    const { bss } = parseHostapdConf(service(plan, "hostapd-ap0").file.text);
    expect(bss.map(({ interface: name, bridge, isolate }) => ({ name, bridge, isolate }))).toEqual([
      { name: "ap0", bridge: "br-guest", isolate: true },
      { name: "owe0", bridge: "br-guest", isolate: true },
    ]);
    expect(bss.map(({ security }) => security)).toMatchObject([
      { kind: "open", transition: { interface: "owe0" } },
      { kind: "owe", transition: { interface: "ap0" } },
    ]);
    const [radio] = plan.radios;
    expect(radio?.interfaces.map(({ name, madeBy }) => `${name} by ${madeBy}`)).toEqual([
      "ap0 by box",
      "owe0 by hostapd",
      "mesh0 by box",
    ]);
  });

  test("starts the access point before the mesh on the same radio, both with one beacon interval", () => {
    const [radio] = airOf(board("panda-pau09")).radios;
    expect(radio?.services.map(({ name }) => name)).toEqual(["hostapd-ap0", "wpa-mesh0"]);
    const [access, mesh] = radio?.services ?? [];
    const interval = parseHostapdConf(access?.file.text ?? "").radio.beaconIntervalTu;
    const [network] = parseWpaConf(mesh?.file.text ?? "").networks;
    expect(network).toMatchObject({ mode: "mesh", beaconIntervalTu: interval, forwarding: false });
    expect(network?.security).toEqual({ kind: "sae", password: "a password" });
  });

  test("takes the interface that a firmware began with, and leaves it its address", () => {
    const [radio] = airOf(board("raspberry-pi-4b")).radios;
    expect(radio?.interfaces).toEqual([
      { name: "ap0", role: "open", type: "AP", macAddress: undefined, madeBy: "driver" },
    ]);
  });

  test("has no mesh without a password for it, and says so", () => {
    const plan = airOf(board("panda-pau09"), { meshPassword: undefined });
    expect(plan.radios.flatMap(({ services }) => services.map(({ name }) => name))).toEqual(["hostapd-ap0"]);
    expect(plan.refused.join()).toContain("in no network yet");
  });

  test("asks as little as can be of a chip that did not start with more", () => {
    const inventory = board("panda-pau09");
    const path = inventory.radios[0]?.path ?? "";
    const { radio, bss } = parseHostapdConf(
      service(airOf(inventory, { plain: new Set([path]) }), "hostapd-ap0").file.text,
    );
    expect(bss.map(({ interface: name }) => name)).toEqual(["ap0"]);
    expect([radio.ht, radio.vht, radio.channel.widthMhz]).toEqual([undefined, undefined, 20]);
  });

  test("looks for an uplink on the one channel that guests are on, where a chip has no other, and else everywhere", () => {
    const uplinks = [{ ssid: "Library", password: undefined }];
    const heard = [
      { ssid: "Library", bssid: "", frequencyMhz: 2_462, signalDbm: -60, beaconIntervalTu: 100 },
    ];
    const lookedOn = (name: string) => {
      const inventory = board(name);
      const named = [{ ssid: "Library", password: "", password_file: "" }];
      const config = { ...defaultConfig().wifi, ssid: "Omerta Box", uplinks: named };
      const plan = planRadios(inventory, config, heard);
      const air = planAir(plan, inventory, { ...WISHES, config, uplinks });
      const [network] = parseWpaConf(service(air, "wpa-up0").file.text).networks;
      if (network?.mode !== "station") throw new Error("no station");
      const open = air.radios[0]?.interfaces.some(({ role }) => role === "open");
      return { open, scan: network.scanFrequenciesMhz, join: network.frequenciesMhz };
    };
    expect(lookedOn("raspberry-pi-4b")).toEqual({ open: true, scan: [2_462], join: [2_462] });
    // Two channels at once.
    expect(lookedOn("intel-ax210")).toEqual({ open: true, scan: undefined, join: undefined });
    // An access point is beyond it.
    expect(lookedOn("mt7601u")).toEqual({ open: false, scan: undefined, join: undefined });
  });

  test("says which radio does nothing where no file can be written for it, and why", () => {
    const inventory = board("panda-pau09");
    const config = { ...defaultConfig().wifi, ssid: "Omerta Box" };
    const plan = planRadios(inventory, config, []);
    const radios = plan.radios.map((radio) => ({ ...radio, beaconIntervalTu: 5 }));
    const air = planAir({ ...plan, radios }, inventory, { ...WISHES, config });
    expect(air.radios).toEqual([]);
    expect(air.refused.join()).toContain(`${inventory.radios[0]?.phy}: `);
  });

  test("has each interface once, distinct addresses and files that can be read, whatever the radios", () => {
    let services = 0;
    const once = (inventory: RadioInventory, config: WifiConfig) => {
      const plan = planAir(planRadios(inventory, config, []), inventory, { ...WISHES, config });
      const names = plan.radios.flatMap((radio) => radio.interfaces.map(({ name }) => name));
      expect(new Set(names).size).toBe(names.length);
      for (const radio of plan.radios) {
        const addresses = radio.interfaces.flatMap(({ macAddress }) => macAddress ?? []);
        expect(new Set(addresses).size).toBe(addresses.length);
        for (const { program, file } of radio.services) {
          services += 1;
          if (program === "hostapd") parseHostapdConf(file.text);
          else parseWpaConf(file.text);
        }
      }
    };
    fc.assert(fc.property(arbitraryInventory, arbitraryWifiConfig, once), { numRuns: 40 });
    expect(services).toBeGreaterThan(0);
  });
});
