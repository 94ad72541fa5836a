#!/usr/bin/env bun
/** Draws each wiring as `wiring/<id>.svg`: `bun hardware/lora-case/wiring/drawing.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PI_HEADER, piPinName } from "./pi-header.ts";
import { readWirings, type Wiring } from "./wiring-data.ts";

const ROW = 22;
const TOP = 64;
const PIN_X = { odd: 150, even: 182 } as const;
const LANES_X = 320;
const LANE = 15;
const MODULE_WIDTH = 190;

/** Colours that stay apart for colour-blind eyes (Okabe and Ito); black for ground and vermilion for power by custom. */
const SIGNAL_COLOURS = [
  "#0072b2",
  "#009e73",
  "#cc79a7",
  "#8a6d00",
  "#56b4e9",
  "#7a4bb5",
  "#005f5f",
  "#a0522d",
];

function colourOf(pinName: string, signal: number): string {
  if (pinName === "GND") return "#111111";
  if (pinName.endsWith(" V")) return "#d55e00";
  return SIGNAL_COLOURS[signal % SIGNAL_COLOURS.length] ?? "#0072b2";
}

const rowOf = (pin: number): number => TOP + Math.floor((pin - 1) / 2) * ROW;

function text(x: number, y: number, content: string, more = ""): string {
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}"${more}>${safe}</text>`;
}

/** From a pin of the header to a lane of its own, along it, and to the module. White below it shows what crosses what. */
function wire(pin: number, laneX: number, moduleX: number, moduleY: number, colour: string): string {
  const y = rowOf(pin);
  // An odd pin stands behind an even one: its wire dives between two rows.
  const start =
    pin % 2 === 1 ? `M${PIN_X.odd + 5} ${y + 5} l6 6 H${laneX}` : `M${PIN_X.even + 7} ${y} H${laneX}`;
  const path = `${start} V${moduleY} H${moduleX}`;
  const style = 'fill="none" stroke-linejoin="round"';
  return [
    `<path d="${path}" ${style} stroke="#ffffff" stroke-width="6"/>`,
    `<path d="${path}" ${style} stroke="${colour}" stroke-width="2.5"/>`,
  ].join("\n");
}

/** The Pi's header as seen from above with its Ethernet and USB sockets downwards, and the module to its right. */
export function drawing(wiring: Wiring): string {
  const used = new Map(wiring.pins.flatMap((pin) => (pin.pi === null ? [] : [[pin.pi, pin.name] as const])));
  const moduleX = LANES_X + (used.size + 1) * LANE;
  const width = moduleX + MODULE_WIDTH + 20;
  const height = TOP + 20 * ROW + 16;
  const moduleTop = TOP + Math.max(0, (20 * ROW - wiring.pins.length * 34) / 2);
  const parts: string[] = [];

  parts.push(
    `<rect x="${PIN_X.odd - 16}" y="${TOP - 14}" width="64" height="${20 * ROW + 6}" rx="6" fill="#1f3d2b"/>`,
  );
  PI_HEADER.forEach((name, index) => {
    const pin = index + 1;
    const isOdd = pin % 2 === 1;
    const x = isOdd ? PIN_X.odd : PIN_X.even;
    const isUsed = used.has(pin);
    parts.push(
      pin === 1
        ? `<rect x="${x - 7}" y="${rowOf(pin) - 7}" width="14" height="14" fill="${isUsed ? "#ffd35c" : "#b9c2bd"}"/>`
        : `<circle cx="${x}" cy="${rowOf(pin)}" r="7" fill="${isUsed ? "#ffd35c" : "#b9c2bd"}"/>`,
    );
    parts.push(text(x, rowOf(pin) + 3.5, String(pin), ' font-size="9" text-anchor="middle"'));
    if (isUsed && isOdd) parts.push(text(PIN_X.odd - 24, rowOf(pin) + 4, name, ' text-anchor="end"'));
    if (isUsed && !isOdd) parts.push(text(PIN_X.even + 22, rowOf(pin) - 4, name));
  });

  const wires: string[] = [];
  let lane = 0;
  let signal = 0;
  const moduleHeight = wiring.pins.length * 34;
  parts.push(
    `<rect x="${moduleX}" y="${moduleTop - 6}" width="${MODULE_WIDTH}" height="${moduleHeight}" rx="8" fill="#e8f1f8" stroke="#30536b" stroke-width="1.5"/>`,
    text(
      moduleX + MODULE_WIDTH / 2,
      moduleTop - 16,
      wiring.module,
      ' text-anchor="middle" font-weight="bold"',
    ),
  );
  wiring.pins.forEach((pin, index) => {
    const y = moduleTop + index * 34 + 12;
    parts.push(text(moduleX + 16, y + 4, pin.name, ' font-weight="bold"'));
    if (pin.pi === null) {
      parts.push(text(moduleX + MODULE_WIDTH - 12, y + 4, "leave open", ' text-anchor="end" fill="#555555"'));
      return;
    }
    const name = piPinName(pin.pi);
    const colour = colourOf(name, name === "GND" || name.endsWith(" V") ? 0 : signal++);
    lane += 1;
    parts.push(text(moduleX + MODULE_WIDTH - 12, y + 4, `pin ${pin.pi}`, ' text-anchor="end"'));
    wires.push(wire(pin.pi, LANES_X + lane * LANE, moduleX, y, colour));
    wires.push(`<circle cx="${moduleX}" cy="${y}" r="4" fill="${colour}"/>`);
  });

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${wiring.title}" font-family="sans-serif" font-size="12" fill="#111111">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    text(20, 24, wiring.title, ' font-size="15" font-weight="bold"'),
    text(
      20,
      42,
      "The Pi from above, its header on the right, its USB sockets towards you. Pin 1 is square.",
      ' fill="#555555"',
    ),
    ...parts,
    ...wires,
    "</svg>",
    "",
  ].join("\n");
}

export const drawingPath = (wiring: Wiring): string => join(import.meta.dir, `${wiring.id}.svg`);

if (import.meta.main) for (const wiring of readWirings()) writeFileSync(drawingPath(wiring), drawing(wiring));
