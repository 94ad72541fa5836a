import { z } from "zod";

/** Ways to another box (src/mesh/paths), by the names that an operator uses. */
export const WAYS = ["ethernet", "radio", "internet", "punched", "stream", "relay", "lora"] as const;

const weight = (milliseconds: number, what: string) =>
  z.int().min(0).max(100_000).default(milliseconds).describe(`${what}, in ms`);

const cost = z.strictObject({
  kind: z
    .enum(["", ...WAYS])
    .default("")
    .describe('which ways, by the names of mesh.prefer; "": all'),
  interface: z
    .string()
    .regex(/^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,14}\*?)$/)
    .default("*")
    .meta({ format: 'the name of a network interface, or its beginning and "*"', examples: ["wwan*"] })
    .describe(
      'by which interface they leave; "*": any. Relays, streams and LoRa leave by none that is known here',
    ),
  per_mb: z
    .int()
    .min(0)
    .max(1_000_000)
    .meta({ examples: [2] })
    .describe("what a megabyte costs there, in any unit, such as cents"),
});

/** Table `[mesh.ways]`. */
export const ways = z
  .strictObject({
    place: weight(50, "each place further back in mesh.prefer"),
    metered: weight(200, "that a way is of mesh.metered"),
    cost: weight(100, "each unit of what a megabyte costs by mesh.ways.costs"),
    loss: weight(2_000, "that everything is lost; half of it, half as much"),
    rtt: weight(1, "each millisecond that it takes there and back"),
    throughput: weight(5, "each halving of what passes, below 100 Mbit/s"),
    energy: weight(5, "each joule that a megabyte takes, as far as it is known of the kind"),
    costs: z
      .array(cost)
      .max(32)
      .default([])
      .describe("Ways that cost something. The first entry that fits a way counts."),
  })
  .prefault({})
  .describe(
    "How a way to another box is chosen: each thing that speaks against it is worth so many milliseconds, they are added up, and the least is taken. 0 leaves a thing out.",
  );

export type WaysConfig = z.output<typeof ways>;
