#!/usr/bin/env bun
/**
 * Writes the tables of the README from the data beside it: `bun hardware/lora-case/tables.ts`. With `--check` it writes
 * nothing and fails when they differ.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { highestSettingDbm, quarterWaveMm, runTimeHours } from "./radio-sums.ts";
import { type Band, type Board, readBands, readBoards } from "./shopping-data.ts";
import { pinTable } from "./wiring/pin-table.ts";
import { readWirings } from "./wiring/wiring-data.ts";

const FIRMWARE = {
  meshtastic: "Meshtastic",
  meshcore: "MeshCore",
  rnode: "RNode",
  "at-reyax": "AT (REYAX)",
  "at-ebyte": "AT-like (EBYTE)",
  "meshtastic-on-the-pi": "Meshtastic on the Pi itself",
} as const;

const PRICE = { low: "€", middle: "€€", high: "€€€" } as const;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

function boardTable(boards: readonly Board[]): string {
  const rows = boards.map((board) => [
    `**${board.maker} ${board.name}**`,
    `${board.radio}; ${board.processor === "none" || board.processor === "own" ? "" : `${board.processor}; `}${board.maxPowerDbm} dBm`,
    `${board.usb.ids.map((id) => `\`${id}\``).join(" ")} ${board.usb.bridge.startsWith("none: the") ? "" : `(${board.usb.bridge})`}`.trim(),
    board.firmware.map((name) => FIRMWARE[name]).join(", "),
    board.bands.join(", "),
    PRICE[board.price],
    board.battery,
    `${board.notes} ${board.sources.map((url, index) => `[${index + 1}](${url})`).join(" ")}`,
  ]);
  return table(
    ["board", "radio, most power", "USB id", "firmware", "MHz versions", "price", "battery", "notes"],
    rows,
  );
}

function bandTable(bands: readonly Band[]): string {
  const measure = { erp: "ERP", eirp: "EIRP", conducted: "at the connector" } as const;
  const rows = bands.map((band) => [
    `**${band.id}**`,
    band.where,
    `${band.fromMHz}–${band.toMHz}`,
    `${band.limit.dbm} dBm ${measure[band.limit.measure]}`,
    band.rule,
    band.version,
    band.meshtastic === null ? "–" : `\`${band.meshtastic}\``,
    `[${band.source.title}](${band.source.url})${band.figureFrom === "firmware" ? " *" : ""}`,
  ]);
  return table(["band", "where", "MHz", "limit", "rule", "buy", "Meshtastic region", "source"], rows);
}

const GAINS_DBI = [0, 2, 3, 5, 8] as const;

/** Two decimals of a decibel cannot be set: the whole one below is. */
function powerTable(bands: readonly Band[]): string {
  const shown = bands.filter((band) => band.meshtastic !== null || band.id === "EU868 868.0–868.6");
  const rows = shown.map((band) => [
    `**${band.id}**`,
    ...GAINS_DBI.map((gain) => String(Math.floor(highestSettingDbm(band.limit, gain)))),
    String(Math.round(quarterWaveMm(band))),
  ]);
  return table(["band", ...GAINS_DBI.map((gain) => `${gain} dBi`), "¼ wave, mm"], rows);
}

const BATTERIES = [
  { name: "LiPo 1000 mAh", milliampHours: 1_000 },
  { name: "18650, 3000 mAh", milliampHours: 3_000 },
  // As a USB power supply sees it: 12.8 V · 6 Ah · 85 % / 5 V.
  { name: "LiFePO4 12.8 V 6 Ah by USB", milliampHours: 13_000 },
] as const;

function duration(hours: number): string {
  return hours < 48 ? `${Math.round(hours)} h` : `${(hours / 24).toFixed(1)} days`;
}

function runTimeTable(boards: readonly Board[]): string {
  const sources: string[] = [];
  const rows = boards.flatMap((board) => {
    const { power } = board;
    if (power === null || board.kind === "finished") return [];
    return [
      [
        `${board.maker} ${board.name}`,
        `${power.listeningMa} / ${power.transmittingMa}`,
        ...BATTERIES.map(
          ({ milliampHours }) =>
            `${duration(runTimeHours(power, milliampHours, 0.01))} / ${duration(runTimeHours(power, milliampHours, 0.1))}`,
        ),
        String(
          (sources.includes(power.source) ? sources.indexOf(power.source) : sources.push(power.source) - 1) +
            1,
        ),
      ],
    ];
  });
  const head = ["board", "listening / sending, mA", ...BATTERIES.map(({ name }) => name), "currents from"];
  return `${table(head, rows)}\n\nCurrents from:\n\n${sources.map((source, index) => `${index + 1}. ${source}`).join("\n")}`;
}

/** Each table by the name of its place in the README. */
export function tables(): Record<string, string> {
  const boards = readBoards();
  const bands = readBands();
  return {
    boards: boardTable(boards),
    bands: bandTable(bands),
    power: powerTable(bands),
    "run-time": runTimeTable(boards),
    ...Object.fromEntries(readWirings().map((wiring) => [`pins-${wiring.id}`, pinTable(wiring)])),
  };
}

/**
 * The text with every table put in its place, between `<!-- table: name -->` and `<!-- end -->`.
 * @throws when a place or a table has no other half
 */
export function withTables(text: string): string {
  const all = tables();
  const placed = new Set<string>();
  const result = text.replaceAll(
    /(<!-- table: ([a-z0-9-]+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, open: string, name: string, close: string) => {
      const content = all[name];
      if (content === undefined) throw new Error(`README.md: there is no table ${name}`);
      placed.add(name);
      return `${open}\n${content}\n\n${close}`;
    },
  );
  const missing = Object.keys(all).filter((name) => !placed.has(name));
  if (missing.length > 0) throw new Error(`README.md: no place for the table ${missing.join(", ")}`);
  return result;
}

export const README = join(import.meta.dir, "README.md");

if (import.meta.main) {
  const before = readFileSync(README, "utf8");
  const after = withTables(before);
  if (!process.argv.includes("--check")) writeFileSync(README, after);
  else if (before !== after) {
    console.error("README.md differs from its data: run bun hardware/lora-case/tables.ts");
    process.exitCode = 1;
  }
}
