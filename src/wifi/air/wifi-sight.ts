import type { WifiConfig } from "../../config/index.ts";
import type { PlannedInterface, RadioPlan } from "../plan/index.ts";
import type { RadioInventory } from "../radio-inventory.ts";
import type { AirPlan, AirRadio } from "./air-plan.ts";
import type { RadioService } from "./radio-service.ts";
import type { InterfaceView, RadioView, WifiView } from "./wifi-view.ts";

/** What there is to tell of the radios. */
export interface WifiSight {
  config: Pick<WifiConfig, "enabled" | "open_network">;
  inventory: RadioInventory;
  radioPlan: RadioPlan;
  plan: AirPlan;
  services: readonly Pick<RadioService, "options" | "health" | "stations" | "isConnected">[];
  /** Phys that a switch holds off. */
  switchedOff: readonly string[];
}

export function wifiView({ config, inventory, radioPlan, plan, services }: WifiSight): WifiView {
  const notes = radioPlan.notes.filter(({ kind }) => kind !== "chosen");
  return {
    enabled: config.enabled,
    country: plan.country,
    radios: plan.radios.map((radio) => radioView(radio, radioPlan, services)),
    present: inventory.radios.length,
    notes: [...plan.refused, ...notes.map(({ phy, text }) => (phy === undefined ? text : `${phy}: ${text}`))],
  };
}

function radioView(radio: AirRadio, radioPlan: RadioPlan, services: WifiSight["services"]): RadioView {
  const { phy, path, channel } = radio;
  const planned = radioPlan.radios.find((one) => one.phy === phy)?.interfaces ?? [];
  return {
    phy,
    path,
    channel: channel === undefined ? "" : `${channel.number}, ${channel.widthMhz} MHz`,
    band: channel?.band ?? "",
    interfaces: radio.interfaces.flatMap(({ name }) => {
      const one = planned.find((candidate) => candidate.name === name);
      return one === undefined ? [] : interfaceView(one, services);
    }),
  };
}

function interfaceView(one: PlannedInterface, services: WifiSight["services"]): InterfaceView {
  const service = services.find(({ options }) =>
    options.service.controls.some((control) => control.interface === one.name),
  );
  const health = service?.health;
  const isWell = health?.state === "well";
  const isUp = isWell && (one.role !== "uplink" || service?.isConnected === true);
  const waits = health?.state === "starting" || isWell;
  return {
    name: one.name,
    role: one.role,
    network: networkOf(one),
    state: isUp ? "up" : waits ? "starting" : "down",
    stations: one.role === "open" ? (service?.stations ?? 0) : 0,
    why: isUp ? "" : isWell ? "no network found" : (health?.why ?? "not started"),
  };
}

function networkOf(one: PlannedInterface): string {
  if (one.role === "mesh") return one.meshId;
  return one.role === "uplink" ? one.ssids.join(", ") : one.ssid;
}

/** One line about the radios. */
export function wifiDetail(sight: WifiSight): string {
  const { enabled, present, radios } = wifiView(sight);
  if (!enabled) return "left alone, as wifi.enabled says";
  if (present === 0) return "no radio";
  const up = radios.flatMap(({ interfaces, channel, band }) =>
    interfaces
      .filter(({ role }) => role !== "owe")
      .map(({ name, role, state, stations }) => {
        const where = channel === "" ? "" : ` on channel ${channel} (${band})`;
        const who = role === "open" ? `, ${stations === 1 ? "1 station" : `${stations} stations`}` : "";
        return `${ROLE_WORDS[role]} ${name}${where}: ${state}${who}`;
      }),
  );
  return up.length === 0 ? `nothing to do for ${present} radios` : up.join("; ");
}

const ROLE_WORDS = { open: "open network", owe: "its twin", mesh: "mesh", uplink: "uplink" } as const;

/** What is wrong with the radios, in words; undefined: nothing. */
export function troubleOf(sight: WifiSight): string | undefined {
  const { config, inventory, switchedOff } = sight;
  if (!config.enabled || inventory.radios.length === 0) return undefined;
  const { radios, notes } = wifiView(sight);
  const all = radios.flatMap(({ interfaces }) => interfaces);
  const off = all.filter(
    ({ role, state, why }) => role !== "owe" && role !== "uplink" && state !== "up" && why !== "",
  );
  const troubles = [
    ...switchedOff.map((phy) => `${phy} is switched off by a switch on the machine`),
    ...off.map(({ name, why }) => `${name} ${why}`),
  ];
  if (config.open_network && !all.some(({ role }) => role === "open"))
    troubles.push(`no radio opens the network${notes[0] === undefined ? "" : `: ${notes[0]}`}`);
  return troubles.length === 0 ? undefined : troubles.join("; ");
}
