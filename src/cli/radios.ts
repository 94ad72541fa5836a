import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { type Config, ConfigError, defaultConfig, parseConfig } from "../config/index.ts";
import { RunError } from "../host/run.ts";
import type { BoxStatus } from "../portal/index.ts";
import type { WifiView } from "../wifi/air/index.ts";
import { lastHeard } from "../wifi/heard/index.ts";
import { collectRadios, InventoryError, parseInventory } from "../wifi/inventory/index.ts";
import { networkName, planRadios, planText } from "../wifi/plan/index.ts";
import type { Radio, RadioInventory } from "../wifi/radio-inventory.ts";
import { askBox, type ControlOptions, withControlOptions } from "./control.ts";
import { EXIT } from "./exit.ts";

const BOARDS = resolve(import.meta.dir, "../../hardware/boards");

interface SourceOptions {
  inventory?: string;
  add: readonly string[];
  json?: boolean;
}

interface PlanOptions extends SourceOptions {
  config?: string;
}

export function radiosCommand(): Command {
  const command = new Command("radios").description(
    "the Wi-Fi radios of this machine, or of one that is yet to be bought",
  );
  withSource(command.command("plan"))
    .description("tell which radio would do what, on which channel, and why")
    .option("--config <file>", "an omerta.toml; without it, the defaults")
    .action(reported(plan));
  withSource(command.command("list")).description("tell what the radios can do").action(reported(list));
  withControlOptions(command.command("status"))
    .description("tell what the radios of a running box do now")
    .action(status);
  command
    .command("boards")
    .description("list the recorded boards and adapters, for --add")
    .action(() => void process.stdout.write(boards()));
  command
    .command("record")
    .description("print this machine's radios as JSON, for --inventory")
    .action(
      reported(async () => {
        const { country, radios } = await collectRadios();
        // A recording is made to be passed on: whose hardware it was is nobody's business.
        const unnamed = radios.map((radio) => ({ ...radio, macAddress: "" }));
        const inventory = { name: "", source: [], recorded: recordedOn(), country, radios: unnamed };
        process.stdout.write(`${JSON.stringify(inventory, undefined, 2)}\n`);
      }),
    );
  return command;
}

function withSource(command: Command): Command {
  return command
    .option("--inventory <file>", "radios as radios record printed them, in the place of this machine's")
    .option(
      "--add <board>",
      "a recorded board or adapter, or a file of one; several make a shopping list, without this machine",
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option("--json", "for machines");
}

/** Errors that say what is wrong by themselves become a line and a status. */
function reported<T>(action: (options: T) => Promise<void>): (options: T) => Promise<void> {
  return async (options) => {
    try {
      await action(options);
    } catch (error) {
      if (error instanceof ConfigError) process.exitCode = EXIT.badConfig;
      else if (error instanceof InventoryError || error instanceof RunError) process.exitCode = EXIT.failed;
      else throw error;
      process.stderr.write(`omerta-box: ${error.message}\n`);
    }
  };
}

async function plan(options: PlanOptions): Promise<void> {
  const config = configFrom(options.config);
  const wifi = { ...config.wifi, ssid: networkName(config.wifi.ssid, config.box.name) };
  const inventory = await inventoryFrom(options);
  // What is heard here tells nothing of radios elsewhere.
  const heard = isHere(options) ? await lastHeard(inventory) : [];
  const planned = planRadios(inventory, wifi, heard);
  process.stdout.write(options.json ? `${JSON.stringify(planned)}\n` : planText(planned));
}

async function list(options: SourceOptions): Promise<void> {
  const inventory = await inventoryFrom(options);
  process.stdout.write(options.json ? `${JSON.stringify(inventory)}\n` : listText(inventory));
}

async function status(options: ControlOptions): Promise<void> {
  const answer = await askBox<BoxStatus>("/api/status", options);
  if (!answer) return;
  const { wifi } = answer;
  process.stdout.write(options.json ? `${JSON.stringify(wifi ?? null)}\n` : statusText(wifi));
}

function statusText(wifi: WifiView | undefined): string {
  if (wifi === undefined || !wifi.enabled) return "The radios are left alone.\n";
  if (wifi.present === 0) return "No radio.\n";
  const lines = [`Rules of ${wifi.country === "00" ? "the world (no country is set)" : wifi.country}.`];
  for (const { phy, path, channel, band, interfaces } of wifi.radios) {
    lines.push("", [`${phy} (${path})`, channel && `channel ${channel}`, band].filter(Boolean).join(", "));
    for (const { name, role, network, state, stations, why } of interfaces) {
      const who = role === "open" ? `, ${stations === 1 ? "1 station" : `${stations} stations`}` : "";
      const shown = network.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
      lines.push(`  ${name}: ${ROLE_WORDS[role]} "${shown}", ${state}${who}${why === "" ? "" : `: ${why}`}`);
    }
  }
  if (wifi.notes.length > 0) lines.push("", ...wifi.notes);
  return `${lines.join("\n")}\n`;
}

const ROLE_WORDS = {
  open: "open network",
  owe: "the same, encrypted",
  mesh: "mesh",
  uplink: "uplink by",
} as const;

function isHere({ inventory, add }: SourceOptions): boolean {
  return inventory === undefined && add.length === 0;
}

function configFrom(file: string | undefined): Config {
  return file === undefined ? defaultConfig() : parseConfig(text(file), file);
}

/** This machine's radios, or those of files; each gets a name of its own where several have the same. */
async function inventoryFrom({ inventory, add }: SourceOptions): Promise<RadioInventory> {
  const files = [...(inventory === undefined ? [] : [inventory]), ...add.map(boardFile)];
  if (files.length === 0) return collectRadios();
  const all = files.map((file) => parseInventory(text(file), file));
  const countries = [...new Set(all.map(({ country }) => country))];
  const radios = all.flatMap((one) => one.radios);
  const named = radios.map((radio, n) => (files.length > 1 ? { ...radio, phy: `phy${n}` } : radio));
  if (countries.length > 1) {
    process.stderr.write(
      `omerta-box: these were recorded in different countries (${countries.join(", ")}): each keeps the channels and the power of its own\n`,
    );
  }
  return { country: countries[0] ?? "00", radios: named };
}

function boardFile(name: string): string {
  if (!/^[a-z0-9-]+$/.test(name)) return name;
  const file = join(BOARDS, `${name}.json`);
  if (!existsSync(file)) throw new InventoryError(name, "no such board; omerta-box radios boards lists them");
  return file;
}

function text(file: string): string {
  try {
    return readFileSync(file === "-" ? "/dev/stdin" : file, "utf8");
  } catch (error) {
    throw new InventoryError(file, error instanceof Error ? error.message : String(error));
  }
}

function boards(): string {
  const files = readdirSync(BOARDS).filter((file) => file.endsWith(".json"));
  const lines = files.sort().map((file) => {
    const { name } = parseInventory(text(join(BOARDS, file)), file);
    return `${file.replace(".json", "").padEnd(24)}${name}`;
  });
  return `${lines.join("\n")}\n`;
}

function listText({ country, radios }: RadioInventory): string {
  if (radios.length === 0) return "No radio.\n";
  return `Rules of ${country}.\n${radios.map(radioText).join("")}`;
}

function radioText(radio: Radio): string {
  const { phy, path, driver, firmware, types, bands, combinations, interfaces } = radio;
  const standard = (band: Radio["bands"][number]) =>
    [band.ht && "n", band.vht && "ac", band.he && "ax"].filter((one) => one !== false).join("/");
  const open = radio.channels.filter(({ disabled, noIr, dfs }) => !disabled && !noIr && !dfs);
  const lines = [
    `${phy} (${[driver, path].filter((one) => one !== "").join(", ")})`,
    firmware && `  firmware ${firmware}`,
    `  bands: ${bands.map((band) => `${band.band} ${standard(band)}`.trim()).join(", ")}`,
    `  may open a network on channels ${open.map(({ number }) => number).join(" ") || "none"}`,
    `  modes: ${types.join(", ")}`,
    ...combinations.map(
      ({ limits, total, channels }) =>
        `  together: ${limits.map(({ types: own, max }) => `${max} of ${own.join("/")}`).join(", ")}; ${total} in all, on ${channels === 1 ? "one channel" : `${channels} channels`}`,
    ),
    combinations.length === 0 ? "  together: one at a time" : "",
    interfaces.length > 0 && `  now: ${interfaces.map(({ name, type }) => `${name} (${type})`).join(", ")}`,
  ];
  return `\n${lines.filter((line) => line !== "" && line !== false).join("\n")}\n`;
}

function recordedOn(): string {
  const release = (file: string, pattern: RegExp) => {
    try {
      return pattern.exec(readFileSync(file, "utf8"))?.[1] ?? "";
    } catch {
      return "";
    }
  };
  const kernel = release("/proc/sys/kernel/osrelease", /^(.{1,80})$/m);
  const system = release("/etc/os-release", /^PRETTY_NAME="(.{1,80})"$/m);
  return [`Linux ${kernel}`.trim(), system].filter((one) => one !== "").join(", ");
}
