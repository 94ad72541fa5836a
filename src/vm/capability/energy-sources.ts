import { join } from "node:path";
import { sysfsNames, sysfsText } from "../../host/sysfs.ts";

/**
 * Something on the box that measures its energy. A counter goes up and begins anew at the end of its range; a power
 * says what is drawn now.
 */
export type EnergySource =
  | { kind: "counter"; name: string; microjoules: number; rangeMicrojoules: number | undefined }
  | { kind: "power"; name: string; microwatts: number };

/** What to read it from: the best kind that there is on a box. */
export type EnergyKind = "rapl" | "hwmon-energy" | "hwmon-power" | "battery";

export interface EnergyReading {
  kind: EnergyKind;
  /** They are added. */
  sources: readonly EnergySource[];
}

const MAX_ENTRIES = 128;
/** The whole box at once is not in the thousands of watts: a sensor says nonsense. */
const MAX_MICROWATTS = 10_000_000_000;

/** A whole number that is not negative, as sysfs has it. */
export function parseMicro(text: string | undefined, max = Number.MAX_SAFE_INTEGER): number | undefined {
  if (text === undefined || !/^\d{1,19}\n?$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

/**
 * Reads what there is, in this order: RAPL (powercap.rst), a sensor chip that counts (hwmon/sysfs-interface.rst,
 * energyN_input), one that says what is drawn (powerN_input, powerN_average), a battery that is being emptied
 * (ABI/testing/sysfs-class-power). A Raspberry Pi has none of them.
 * @param sys the kernel's /sys
 */
export function readEnergy(sys = "/sys"): EnergyReading | undefined {
  const readings: EnergyReading[] = [
    { kind: "rapl", sources: rapl(join(sys, "class/powercap")) },
    { kind: "hwmon-energy", sources: chips(sys, /^energy\d+_input$/, counter) },
    { kind: "hwmon-power", sources: chips(sys, /^power\d+_(input|average)$/, power) },
    { kind: "battery", sources: batteries(join(sys, "class/power_supply")) },
  ];
  return readings.find(({ sources }) => sources.length > 0);
}

/** Packages, and memory where it is apart; what is inside of a package is counted with it already. */
function rapl(folder: string): EnergySource[] {
  return names(folder, /^intel-rapl:\d+(:\d+)?$/).flatMap((zone) => {
    const of = (file: string) => sysfsText(join(folder, zone, file));
    const label = of("name") ?? "";
    if (!(/^package-\d+$/.test(label) || label === "dram")) return [];
    return counter(`${zone} ${label}`, of("energy_uj"), of("max_energy_range_uj"));
  });
}

function counter(name: string, energy: string | undefined, range?: string): EnergySource[] {
  const microjoules = parseMicro(energy);
  if (microjoules === undefined) return [];
  return [{ kind: "counter", name, microjoules, rangeMicrojoules: parseMicro(range) }];
}

function power(name: string, drawn: string | undefined): EnergySource[] {
  const microwatts = parseMicro(drawn, MAX_MICROWATTS);
  return microwatts === undefined ? [] : [{ kind: "power", name, microwatts }];
}

function chips(
  sys: string,
  file: RegExp,
  source: (name: string, text: string | undefined) => EnergySource[],
): EnergySource[] {
  const folder = join(sys, "class/hwmon");
  for (const chip of names(folder, /^hwmon\d+$/)) {
    const found = new Map<string, EnergySource[]>();
    // One channel may say both what it draws and the average of that.
    for (const entry of names(join(folder, chip), file).sort().reverse()) {
      const sources = source(`${chip} ${entry}`, sysfsText(join(folder, chip, entry)));
      if (sources.length > 0) found.set(entry.replace(/_.*/, ""), sources);
    }
    // Two chips may measure the same wires at two places: one of them says enough.
    if (found.size > 0) return [...found.values()].flat();
  }
  return [];
}

/** While it is charged, what goes in says nothing of what the box needs. */
function batteries(folder: string): EnergySource[] {
  return names(folder, /^[\w.:-]+$/).flatMap((name) => {
    const of = (file: string) => sysfsText(join(folder, name, file));
    if (of("type") !== "Battery" || of("scope") === "Device" || of("status") !== "Discharging") return [];
    const drawn = of("power_now");
    if (drawn !== undefined) return power(name, drawn.replace("-", ""));
    const [microamperes, microvolts] = [of("current_now")?.replace("-", ""), of("voltage_now")].map((value) =>
      parseMicro(value),
    );
    if (microamperes === undefined || microvolts === undefined) return [];
    return power(name, String(Math.round((microamperes * microvolts) / 1_000_000)));
  });
}

const names = (folder: string, pattern: RegExp): string[] => sysfsNames(folder, pattern, MAX_ENTRIES);
