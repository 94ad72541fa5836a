import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const wiringSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  /** What stands on the module's side of the drawing. */
  module: z.string().min(1),
  title: z.string().min(1),
  pins: z
    .array(
      z.strictObject({
        /** As it is printed on the module, in its order. */
        name: z.string().min(1),
        /** Pin of the Pi's header; null: leave it open. */
        pi: z.number().int().min(1).max(40).nullable(),
        why: z.string().min(1),
      }),
    )
    .min(2),
});

export type Wiring = z.infer<typeof wiringSchema>;

/** @throws {z.ZodError} naming the field */
export const readWirings = (): Wiring[] =>
  z.array(wiringSchema).parse(JSON.parse(readFileSync(join(import.meta.dir, "wiring.json"), "utf8")));
