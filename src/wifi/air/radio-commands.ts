import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Logger } from "../../host/log.ts";
import { interfaceExists } from "../../host/proc-net.ts";
import { run, tryRun } from "../../host/run.ts";
import { countryOf, parseIwDev, parseIwReg } from "../inventory/index.ts";
import type { Radio } from "../radio-inventory.ts";
import type { AirInterface } from "./air-plan.ts";
import type { InterfaceStep, PresentInterface } from "./interface-steps.ts";

const PHYS = "/sys/class/ieee80211";

const TYPE_WORD: Readonly<Record<AirInterface["type"], string>> = {
  AP: "__ap",
  "mesh point": "mp",
  managed: "managed",
};

/** The phys that are there, with what tells a new one of the same name from the old one. */
export function presentPhys(): string[] {
  if (!existsSync(PHYS)) return [];
  return readdirSync(PHYS)
    .map((phy) => `${phy} ${read(join(PHYS, phy, "index"))}`)
    .sort();
}

/** The interfaces of all radios. @throws {RunError} */
export async function presentInterfaces(): Promise<PresentInterface[]> {
  const phyOf = new Map(
    presentPhys().map((text) => {
      const [phy = "", index] = text.split(" ");
      return [Number(index), phy] as const;
    }),
  );
  return parseIwDev(await run(["iw", "dev"])).flatMap(({ phyIndex, name, type }) => {
    const phy = phyOf.get(phyIndex);
    return phy === undefined ? [] : [{ phy, name, type }];
  });
}

/** Does what leads to the wanted interfaces. One that cannot be made keeps the others from nothing. */
export async function takeSteps(steps: readonly InterfaceStep[], log: Logger): Promise<void> {
  for (const step of steps) {
    try {
      await takeStep(step, log);
    } catch (error) {
      log.warn({ error }, "an interface of a radio cannot be made");
    }
  }
}

/** @throws {RunError} */
async function takeStep(step: InterfaceStep, log: Logger): Promise<void> {
  switch (step.do) {
    case "remove":
      return removeInterface(step.name, log);
    case "down":
      if (!isUp(step.name)) return;
      log.info(`${step.name} is set down: the box uses its radio`);
      await run(["ip", "link", "set", step.name, "down"]);
      return;
    case "rename":
      await run(["ip", "link", "set", step.from, "name", step.to]);
      return;
    case "add":
      return addInterface(step.phy, step.interface);
  }
}

/** Removes an interface; one that the driver does not let go is put back to what it was. */
export async function removeInterface(name: string, log: Logger): Promise<void> {
  const { exitCode, stderr } = await tryRun(["iw", "dev", name, "del"]);
  if (exitCode === 0 || !interfaceExists(name)) return;
  const before = `wlan${/\d+$/.exec(name)?.[0] ?? ""}`;
  log.info(`${name} cannot be removed (${stderr.trim()}); it becomes ${before} again`);
  await tryRun(["ip", "link", "set", name, "down"]);
  await tryRun(["iw", "dev", name, "set", "type", "managed"]);
  await tryRun(["ip", "link", "set", name, "name", before]);
}

async function addInterface(phy: string, { name, type, macAddress }: AirInterface): Promise<void> {
  const address = macAddress === undefined ? [] : ["addr", macAddress];
  await run(["iw", "phy", phy, "interface", "add", name, "type", TYPE_WORD[type], ...address]);
}

/** Some systems keep radios off until a country is chosen (Raspberry Pi OS). @returns whether a switch still holds it off */
export function unblock(phy: string): boolean {
  const folder = join(PHYS, phy);
  const switches = existsSync(folder) ? readdirSync(folder).filter((name) => /^rfkill\d+$/.test(name)) : [];
  for (const name of switches) {
    if (read(join(folder, name, "soft")) === "1") writeFileSync(join(folder, name, "soft"), "0");
  }
  return switches.some((name) => read(join(folder, name, "hard")) === "1");
}

async function presentCountry(): Promise<string> {
  return countryOf(parseIwReg((await tryRun(["iw", "reg", "get"])).stdout));
}

const COUNTRY_WITHIN_MS = 2_000;

/** Sets the country, if it is another one, and waits until its rules hold. @returns whether they do */
export async function setCountry(country: string): Promise<boolean> {
  if ((await presentCountry()) === country) return true;
  await run(["iw", "reg", "set", country]);
  for (let waitedMs = 0; waitedMs < COUNTRY_WITHIN_MS; waitedMs += 100) {
    if ((await presentCountry()) === country) return true;
    await Bun.sleep(100);
  }
  return false;
}

/** Takes its driver away from a radio and gives it back, as unplugging it would. Brings a hung firmware back, on most. */
export function resetDevice({ path, bus }: Pick<Radio, "path" | "bus">): boolean {
  const driver = join("/sys/devices", path, "driver");
  if (bus === "platform" || !existsSync(driver)) return false;
  const device = basename(path);
  writeFileSync(join(driver, "unbind"), device);
  writeFileSync(join("/sys/bus", bus, "drivers_probe"), device);
  return true;
}

/** net/if.h: IFF_UP. */
export function isUp(name: string): boolean {
  return (Number(read(`/sys/class/net/${name}/flags`)) & 1) === 1;
}

export function interfaceIndex(name: string): number {
  return Number(read(`/sys/class/net/${name}/ifindex`));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
