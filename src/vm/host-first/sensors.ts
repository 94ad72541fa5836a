import { join } from "node:path";
import { sysfsNames, sysfsText } from "../../host/sysfs.ts";
import type { HostReading } from "./decide-pressure.ts";

/** What the box's own sensors say. */
export type SensorReading = Pick<HostReading, "temperatureC" | "throttled" | "power">;

/** Entries of one folder of the kernel that are looked at. */
const MAX_ENTRIES = 64;
/** Sensors that are not there, or sleep, say -273, 0 or 255 degrees. */
const PLAUSIBLE_C = { min: -40, max: 150 };
/** A battery that runs out has to last for what is to be written, and for the messages (percent). */
const LOW_BATTERY = 20;

/** Thousandths of a degree, as thermal zones and hwmon have it (thermal/sysfs-api.rst, hwmon/sysfs-interface.rst). */
export function parseTemperature(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,7}\n?$/.test(text)) return undefined;
  const celsius = Number(text) / 1_000;
  return celsius > PLAUSIBLE_C.min && celsius < PLAUSIBLE_C.max && celsius !== 0 ? celsius : undefined;
}

/** What a Raspberry Pi's firmware says (raspberrypi.com/documentation, vcgencmd get_throttled): what is so now, not what once was. */
export interface FirmwareThrottling {
  undervoltage: boolean;
  /** Slower than it could be, for whatever reason. */
  throttled: boolean;
}

/** @param text hexadecimal, with or without "0x" */
export function parseThrottled(text: string | undefined): FirmwareThrottling | undefined {
  const digits = /^(?:0x)?([0-9a-f]{1,8})\n?$/i.exec(text ?? "")?.[1];
  if (digits === undefined) return undefined;
  const bits = Number.parseInt(digits, 16);
  const has = (bit: number) => (bits & (1 << bit)) !== 0;
  return { undervoltage: has(0), throttled: has(1) || has(2) || has(3) };
}

export interface PowerSupply {
  type: string | undefined;
  online: string | undefined;
  status: string | undefined;
  capacity: string | undefined;
  /** "Device" for what is not the box's own, as a mouse with a battery. */
  scope: string | undefined;
}

/** @returns undefined where nothing tells: a box with a plug and nothing else */
export function powerOf(supplies: readonly PowerSupply[]): HostReading["power"] {
  const own = supplies.filter(({ scope }) => scope !== "Device");
  const mains = own.filter(({ type }) => type === "Mains" || type === "USB" || type === "UPS");
  const batteries = own.filter(({ type }) => type === "Battery");
  const discharging = batteries.filter(({ status }) => status === "Discharging");
  if (discharging.length > 0) {
    const percents = discharging.map(({ capacity }) =>
      /^\d{1,3}$/.test(capacity ?? "") ? Number(capacity) : 100,
    );
    return Math.max(...percents) <= LOW_BATTERY ? "low" : "battery";
  }
  if (mains.some(({ online }) => online === "1") || batteries.length > 0) return "mains";
  return undefined;
}

/** Reads what there is; what cannot be read is left out. @param sys the kernel's /sys */
export function readSensors(sys = "/sys"): SensorReading {
  const zones = entries(join(sys, "class/thermal"), /^thermal_zone\d+$/);
  const monitors = entries(join(sys, "class/hwmon"), /^hwmon\d+$/);
  const chips = monitors.map((folder) => ({ folder, name: sysfsText(join(folder, "name")) }));
  const temperatures = [
    ...zones.map((folder) => join(folder, "temp")),
    // Of other chips than the processor's: a disk may be as hot as it likes.
    ...chips
      .filter(({ name }) => ["coretemp", "k10temp", "cpu_thermal", "zenpower"].includes(name ?? ""))
      .flatMap(({ folder }) => entries(folder, /^temp\d+_input$/)),
  ]
    .map((path) => parseTemperature(sysfsText(path)))
    .filter((celsius) => celsius !== undefined);
  const firmware = parseThrottled(sysfsText(join(sys, "devices/platform/soc/soc:firmware/get_throttled")));
  const alarms = chips
    .filter(({ name }) => name === "rpi_volt")
    .map(({ folder }) => sysfsText(join(folder, "in0_lcrit_alarm")))
    .filter((alarm) => alarm === "0" || alarm === "1");
  const isUndervolted = firmware?.undervoltage || alarms.includes("1");
  const supplies = entries(join(sys, "class/power_supply"), /^[\w.:-]+$/).map((folder) => {
    const of = (name: string) => sysfsText(join(folder, name));
    const [type, online, status] = [of("type"), of("online"), of("status")];
    return { type, online, status, capacity: of("capacity"), scope: of("scope") };
  });
  return {
    temperatureC: temperatures.length > 0 ? Math.max(...temperatures) : undefined,
    throttled: firmware?.throttled,
    // Whoever is given too little voltage has no power to lend, whatever it says of its plug.
    power: isUndervolted
      ? "low"
      : (powerOf(supplies) ?? (alarms.length > 0 || firmware ? "mains" : undefined)),
  };
}

const entries = (folder: string, name: RegExp): string[] =>
  sysfsNames(folder, name, MAX_ENTRIES).map((entry) => join(folder, entry));
