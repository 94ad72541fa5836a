import { z } from "zod";
import { text } from "./fields.ts";

/** Table `[update]`. */
export const update = z
  .strictObject({
    install: z
      .enum(["asked", "window", "any-time"])
      .default("asked")
      .describe(
        "when a new version is installed: when the operator says so, or within the window, or as soon as it is there; what comes on a USB stick counts as said",
      ),
    window_from: z
      .int()
      .min(0)
      .max(23)
      .default(2)
      .describe("the hour from which on, by the box's clock in UTC"),
    window_until: z.int().min(0).max(23).default(5).describe("the hour until which"),
    url: text(2_000)
      .refine((url) => url === "" || /^https?:\/\/[^\s]+$/.test(url))
      .meta({ format: 'an address that begins with https:// or http://, or ""' })
      .default("")
      .describe(
        'where the newest bundle for this board is, on any web server that knows ranges; "": nowhere',
      ),
    url_hours: z.int().min(1).max(720).default(24).describe("how often it is looked there"),
    neighbours: z
      .boolean()
      .default(true)
      .describe("fetch newer bundles from neighbouring boxes, and give them what this one has"),
    neighbour_kbit: z
      .int()
      .min(8)
      .max(1_000_000)
      .default(512)
      .describe("how fast at the most, each way, in kbit/s"),
    trial_minutes: z
      .int()
      .min(2)
      .max(12)
      .default(10)
      .describe(
        "how long a new version has to show that all runs that ran before; then the old one comes back",
      ),
  })
  .prefault({})
  .describe("New versions of the whole system, signed by who makes them.");

export type UpdateConfig = z.output<typeof update>;
