import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** What a radio is sold for: the number by which shops name it, not the exact band. */
const versionSchema = z.enum(["433", "470", "868", "915"]);

const usbIdSchema = z.string().regex(/^[0-9a-f]{4}:[0-9a-f]{4}$/, "must be vendor:product in small hex");

/** Currents at the battery, in mA. */
const powerSchema = z.strictObject({
  listeningMa: z.number().positive(),
  transmittingMa: z.number().positive(),
  source: z.string().min(1),
});

const boardSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  name: z.string().min(1),
  maker: z.string().min(1),
  kind: z.enum(["usb-board", "finished", "usb-stick", "uart-module", "uart-hat", "spi-hat"]),
  processor: z.string().min(1),
  radio: z.string().min(1),
  usb: z.strictObject({
    /** The chip between USB and the processor. */
    bridge: z.string().min(1),
    /** As the operating system sees it; the processor's own USB may show another one in its boot loader. */
    ids: z.array(usbIdSchema),
  }),
  firmware: z
    .array(z.enum(["meshtastic", "meshcore", "rnode", "at-reyax", "at-ebyte", "meshtastic-on-the-pi"]))
    .min(1),
  bands: z.array(versionSchema).min(1),
  /** At the antenna connector. */
  maxPowerDbm: z.number().int().min(10).max(36),
  /** About, without tax and battery: low under 30 €, middle under 60 €, high above. */
  price: z.enum(["low", "middle", "high"]),
  battery: z.string().min(1),
  /** Length, width, height with its parts; null where nobody has measured it for this list. */
  sizeMm: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).nullable(),
  /** null where no figure with a source is known. */
  power: powerSchema.nullable(),
  notes: z.string().min(1),
  sources: z.array(z.url()).min(1),
});

export const boardsSchema = z.array(boardSchema).superRefine((boards, context) => {
  const seen = new Set<string>();
  for (const board of boards) {
    if (seen.has(board.id)) context.addIssue({ code: "custom", message: `${board.id} is there twice` });
    seen.add(board.id);
  }
});

const bandSchema = z
  .strictObject({
    id: z.string().min(1),
    where: z.string().min(1),
    fromMHz: z.number().min(137).max(960),
    toMHz: z.number().min(137).max(960),
    limit: z.strictObject({
      dbm: z.number().int().min(0).max(36),
      /** `conducted`: at the connector, up to an antenna of `freeGainDbi`. */
      measure: z.enum(["erp", "eirp", "conducted"]),
      freeGainDbi: z.number().nonnegative().optional(),
    }),
    rule: z.string().min(1),
    version: versionSchema,
    /** Meshtastic's name for the region; null where it does not use this part of the band. */
    meshtastic: z.string().nullable(),
    /** `firmware`: the figure is Meshtastic's, which names the same source; `regulation`: as the source has it. */
    figureFrom: z.enum(["regulation", "firmware"]),
    source: z.strictObject({ title: z.string().min(1), url: z.url() }),
  })
  .refine((band) => band.fromMHz < band.toMHz, "fromMHz must be below toMHz")
  .refine(
    (band) => (band.limit.measure === "conducted") === (band.limit.freeGainDbi !== undefined),
    "freeGainDbi belongs to a conducted limit, and only to that",
  );

export const bandsSchema = z.array(bandSchema);

export type Board = z.infer<typeof boardSchema>;
export type Band = z.infer<typeof bandSchema>;

const read = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dir, name), "utf8"));

/** @throws {z.ZodError} naming the field */
export const readBoards = (): Board[] => boardsSchema.parse(read("boards.json"));

/** @throws {z.ZodError} naming the field */
export const readBands = (): Band[] => bandsSchema.parse(read("bands.json"));
