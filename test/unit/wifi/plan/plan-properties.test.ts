import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { WifiConfig } from "../../../../src/config/index.ts";
import { type PlannedRadio, planRadios, planText, type RadioPlan } from "../../../../src/wifi/plan/index.ts";
import type { Radio, RadioInventory } from "../../../../src/wifi/radio-inventory.ts";
import { arbitraryHeard, arbitraryInventory, arbitraryWifiConfig } from "./arbitrary-radios.ts";

setDefaultTimeout(30_000);

/** Runs a check on plans of random radios. What it checks is written here anew, by none of the planner's functions. */
function forEachPlan(
  check: (plan: RadioPlan, inventory: RadioInventory, config: WifiConfig, run: Run) => void,
): void {
  fc.assert(
    fc.property(arbitraryInventory, arbitraryWifiConfig, arbitraryHeard, (inventory, config, heard) => {
      check(planRadios(inventory, config, heard), inventory, config, { heard });
    }),
    { numRuns: 500 },
  );
}

interface Run {
  heard: Parameters<typeof planRadios>[2];
}

const carriers = (plan: RadioPlan) => plan.radios.filter(({ interfaces }) => interfaces.length > 0);
const roles = ({ interfaces }: PlannedRadio) => interfaces.map(({ role }) => role);

function radioOf(inventory: RadioInventory, { phy }: PlannedRadio): Radio {
  const found = inventory.radios.find((one) => one.phy === phy);
  if (!found) throw new Error(`no ${phy}`);
  return found;
}

/** Frequencies of the parts of 20 MHz that a planned channel covers. */
function parts({ centerMhz, widthMhz }: NonNullable<PlannedRadio["channel"]>): number[] {
  const count = widthMhz / 20;
  return Array.from({ length: count }, (_, n) => centerMhz - widthMhz / 2 + 10 + 20 * n);
}

describe("a plan for random radios", () => {
  test("never has a network or a mesh on a channel that is forbidden, passive or open to radar, in any part of it", () => {
    let wide = 0;
    forEachPlan((plan, inventory) => {
      for (const planned of carriers(plan)) {
        if (!roles(planned).some((role) => role !== "uplink")) continue;
        const { channel } = planned;
        if (!channel) throw new Error(`${planned.phy} has no channel`);
        const known = radioOf(inventory, planned).channels;
        for (const frequencyMhz of parts(channel)) {
          const part = known.find((one) => one.frequencyMhz === frequencyMhz);
          expect(part).toMatchObject({ disabled: false, noIr: false, dfs: false });
          expect(part?.band).not.toBe("6GHz");
          expect(planned.powerDbm).toBeLessThanOrEqual(part?.maxPowerDbm ?? 0);
        }
        const primary = known.find((one) => one.frequencyMhz === channel.frequencyMhz);
        expect(primary?.number).toBe(channel.number);
        expect(parts(channel)).toContain(channel.frequencyMhz);
        if (channel.widthMhz === 20) continue;
        wide += 1;
        expect(primary?.widthsMhz).toContain(channel.widthMhz);
        expect(channel.ht40 === undefined ? [] : primary?.ht40).toContain(channel.ht40);
        expect(channel.band).toBe("5GHz");
        // Blocks begin where IEEE 802.11's tables say: 36, 52, 100, 116, 132, 149, and every 40 MHz from there.
        const low = (Math.min(...parts(channel)) - 5_000) / 5;
        const starts = [36, 52, 100, 116, 132, 149];
        expect(channel.widthMhz === 80 ? starts : starts.flatMap((one) => [one, one + 8])).toContain(low);
      }
    });
    expect(wide).toBeGreaterThan(0);
  });

  test("never puts on a radio what it cannot carry at the same time", () => {
    let shared = 0;
    forEachPlan((plan, inventory, config, { heard }) => {
      for (const planned of carriers(plan)) {
        const radio = radioOf(inventory, planned);
        const kinds = { open: "AP", owe: "AP", mesh: "mesh point", uplink: "managed" } as const;
        const types = roles(planned).map((role) => kinds[role]);
        for (const type of types) expect(radio.types).toContain(type);
        if (types.length < 2) continue;
        shared += 1;
        const onUplink = heard.some(
          ({ ssid, frequencyMhz }) =>
            config.uplinks.some((one) => one.ssid === ssid) && frequencyMhz === planned.channel?.frequencyMhz,
        );
        const needed = roles(planned).includes("uplink") && !onUplink ? 2 : 1;
        const fitting = radio.combinations.filter((one) => {
          const each = (["AP", "mesh point", "managed"] as const).map((type) => ({
            type,
            count: types.filter((other) => other === type).length,
          }));
          const used = each.filter(({ count }) => count > 0);
          const within = one.limits.every(
            (limit) =>
              used.reduce((sum, { type, count }) => (limit.types.includes(type) ? sum + count : sum), 0) <=
                limit.max || !used.some(({ type }) => limit.types.includes(type)),
          );
          const named = used.every(({ type }) => one.limits.some((limit) => limit.types.includes(type)));
          return within && named && one.total >= types.length && one.channels >= needed;
        });
        expect(fitting.length).toBeGreaterThan(0);
        // Station and access point beat alike where the driver wants it.
        const joined = heard.filter(
          ({ ssid, frequencyMhz }) =>
            config.uplinks.some((one) => one.ssid === ssid) && frequencyMhz === planned.channel?.frequencyMhz,
        );
        const alike = fitting.every((one) => one.sameBeaconInterval && one.channels === 1);
        if (roles(planned).includes("uplink") && alike) {
          expect(joined.map((one) => one.beaconIntervalTu ?? 100)).toContain(planned.beaconIntervalTu);
        } else if (!roles(planned).includes("uplink")) expect(planned.beaconIntervalTu).toBe(100);
      }
    });
    expect(shared).toBeGreaterThan(15);
  });

  test("has an open network whenever any radio that may be used for it can open one", () => {
    let possible = 0;
    let impossible = 0;
    forEachPlan((plan, inventory, config) => {
      const can = inventory.radios.some(({ path, types, channels }) => {
        const use = config.radios.find((one) => path.endsWith(one.path))?.use ?? "auto";
        const grid = (frequencyMhz: number) =>
          frequencyMhz < 2_473 ||
          ([5_180, 5_500].some((low) => (frequencyMhz - low) % 20 === 0) && frequencyMhz < 5_730) ||
          (frequencyMhz - 5_745) % 20 === 0;
        return (
          (use === "auto" || use === "access") &&
          types.includes("AP") &&
          channels.some(
            (one) => !one.disabled && !one.noIr && !one.dfs && one.band !== "6GHz" && grid(one.frequencyMhz),
          )
        );
      });
      const open = plan.radios.filter((radio) => roles(radio).includes("open"));
      if (!config.open_network || !config.enabled) expect(open).toEqual([]);
      else expect(open.length > 0).toBe(can);
      if (can) possible += 1;
      else impossible += 1;
    });
    expect(possible).toBeGreaterThan(25);
    expect(impossible).toBeGreaterThan(25);
  });

  test("has a mesh only where it can be protected, on one of the mesh's channels, two never on the same one", () => {
    let meshes = 0;
    forEachPlan((plan, inventory, config) => {
      const carrying = carriers(plan).filter((radio) => roles(radio).includes("mesh"));
      const numbers = carrying.map(({ channel }) => channel?.number ?? 0);
      expect(new Set(numbers).size).toBe(numbers.length);
      for (const planned of carrying) {
        meshes += 1;
        expect(radioOf(inventory, planned)).toMatchObject({ sae: true, pmf: true, meshPoint: true });
        expect(config.mesh.channels).toContain(planned.channel?.number ?? 0);
        expect(planned.channel?.widthMhz).toBe(20);
      }
    });
    expect(meshes).toBeGreaterThan(25);
  });

  test("encrypts only beside the open network, on a radio that hostapd drives", () => {
    let encrypted = 0;
    forEachPlan((plan, inventory) => {
      for (const planned of carriers(plan).filter((radio) => roles(radio).includes("owe"))) {
        encrypted += 1;
        expect(roles(planned)).toContain("open");
        expect(radioOf(inventory, planned)).toMatchObject({ apByHostapd: true, pmf: true });
      }
    });
    expect(encrypted).toBeGreaterThan(15);
  });

  test("keeps to what the operator says of single radios and of power", () => {
    forEachPlan((plan, _, config) => {
      for (const planned of carriers(plan)) {
        const own = config.radios.find(({ path }) => planned.path.endsWith(path));
        const allowed = { auto: "", off: "-", access: "open owe", mesh: "mesh", uplink: "uplink" }[
          own?.use ?? "auto"
        ];
        if (allowed !== "") for (const role of roles(planned)) expect(allowed.split(" ")).toContain(role);
        for (const limit of [own?.power_dbm ?? 0, config.power_dbm]) {
          if (limit > 0 && planned.powerDbm !== undefined)
            expect(planned.powerDbm).toBeLessThanOrEqual(limit);
        }
      }
    });
  });

  test("says of everything that was wanted and is not there why, and gives every interface a name of its own", () => {
    forEachPlan((plan, inventory, config) => {
      const names = plan.radios.flatMap(({ interfaces }) => interfaces.map(({ name }) => name));
      expect(new Set(names).size).toBe(names.length);
      for (const name of names) expect(name.length).toBeLessThanOrEqual(15);
      const done = plan.radios.flatMap(roles);
      const refusals = plan.notes.filter(({ kind }) => kind === "refused").map(({ text }) => text);
      const wanted = [
        config.open_network && "open",
        config.open_network && config.owe && "owe",
        config.mesh.enabled && "mesh",
        config.uplinks.length > 0 && "uplink",
      ].filter((role) => role !== false);
      const missing = wanted.filter((role) => !(done as string[]).includes(role));
      if (!config.enabled || inventory.radios.length === 0) expect(refusals).toHaveLength(1);
      else expect(refusals).toHaveLength(missing.length * (1 + inventory.radios.length));
      for (const text of refusals) expect(text).not.toContain("undefined");
      expect(plan.radios.map(({ phy }) => phy)).toEqual(inventory.radios.map(({ phy }) => phy));
    });
  });

  test("is the same for the same radios, and can be told in words", () => {
    forEachPlan((plan, inventory, config, { heard }) => {
      expect(planRadios(inventory, config, heard)).toEqual(plan);
      expect(planText(plan)).not.toMatch(/undefined|NaN|Infinity/);
    });
  });
});
