import { z } from "zod";
import { BANDS, INTERFACE_TYPES, type RadioInventory } from "../radio-inventory.ts";
import { InventoryError } from "./inventory-error.ts";

/** An inventory as a file: of this machine, of a board, or of an adapter. */
export interface RecordedInventory extends RadioInventory {
  /** What it is: a board or an adapter as one would ask for it in a shop; "" for a machine. */
  name: string;
  /** Addresses of pages that it was taken from; none for a machine. */
  source: readonly string[];
  /** The system that it was taken on. */
  recorded: string;
}

const MAX_BYTES = 1_048_576;

const text = z.string().max(300);
const type = z.enum(INTERFACE_TYPES);
const width = z.union([z.literal(20), z.literal(40), z.literal(80), z.literal(160)]);

const channel = z.strictObject({
  number: z.int().min(1).max(253),
  frequencyMhz: z.int().min(2_400).max(7_125),
  band: z.enum(BANDS),
  maxPowerDbm: z.number().min(0).max(100),
  disabled: z.boolean(),
  noIr: z.boolean(),
  dfs: z.boolean(),
  widthsMhz: z.array(width).max(4),
  ht40: z.array(z.enum(["+", "-"])).max(2),
});

const combination = z.strictObject({
  limits: z.array(z.strictObject({ types: z.array(type).max(16), max: z.int().min(0).max(9_999) })).max(16),
  total: z.int().min(0).max(9_999),
  channels: z.int().min(0).max(99),
  sameBeaconInterval: z.boolean(),
});

const band = z.strictObject({
  band: z.enum(BANDS),
  ht: z.boolean(),
  vht: z.boolean(),
  he: z.boolean(),
  htCapabilities: z.array(text).max(32),
  vhtCapabilities: z.array(text).max(32),
});

const radio = z.strictObject({
  phy: z.string().regex(/^\S{1,32}$/),
  path: text,
  driver: text,
  firmware: text,
  bus: z.enum(["usb", "sdio", "pci", "platform"]),
  usbId: text,
  macAddress: text,
  channels: z.array(channel).max(512),
  types: z.array(type).max(16),
  combinations: z.array(combination).max(32),
  bands: z.array(band).max(8),
  sae: z.boolean(),
  pmf: z.boolean(),
  apByHostapd: z.boolean(),
  meshPoint: z.boolean(),
  maxStations: z.int().min(1).max(65_535).optional(),
  apIsolation: z.boolean(),
  interfaces: z.array(z.strictObject({ name: z.string().regex(/^\S{1,15}$/), type })).max(64),
});

const inventory = z.strictObject({
  name: text.default(""),
  source: z.array(text).max(8).default([]),
  recorded: text.default(""),
  country: z.string().regex(/^[A-Z0-9]{2}$/),
  radios: z.array(radio).max(64),
});

/**
 * Reads an inventory that `omerta-box radios record` printed, or one of `hardware/boards`.
 * @param file its name, for messages
 * @throws {InventoryError} with the first field that is wrong
 */
export function parseInventory(source: string, file: string): RecordedInventory {
  if (source.length > MAX_BYTES) throw new InventoryError(file, `more than ${MAX_BYTES / 1024} KiB`);
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    throw new InventoryError(file, error instanceof Error ? error.message : String(error));
  }
  const result = inventory.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new InventoryError(file, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not an inventory"}`);
  }
  const { radios, ...rest } = result.data;
  // JSON has no undefined: a limit that is not said is not there.
  return { ...rest, radios: radios.map((one) => ({ ...one, maxStations: one.maxStations })) };
}
