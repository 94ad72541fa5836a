import { z } from "zod";
import { interfaceName } from "./fields.ts";

const share = (parts: number, what: string) =>
  z.int().min(1).max(1_000).default(parts).describe(`parts for ${what}`);

const shares = z
  .strictObject({
    control: share(10, "an SOS and what keeps the boxes together"),
    messages: share(25, "messages"),
    services: share(20, "community services and everything that is not named here"),
    guests: share(25, "guests on their way to the internet"),
    vm: share(15, "virtual machines and their tunnels"),
    bulk: share(5, "copying in bulk between boxes"),
  })
  .prefault({})
  .describe(
    "How a link of known rate is shared while everybody wants it. What one does not use the others may.",
  );

const link = z.strictObject({
  interface: interfaceName.meta({ examples: ["eth0"] }).describe("the interface"),
  up_kbit: z
    .int()
    .min(64)
    .max(10_000_000)
    .meta({ examples: [9_500] })
    .describe("what it carries away, in kbit/s; a little less than the line does, so that queues form here"),
});

const uplink = z.strictObject({
  interface: interfaceName.meta({ examples: ["wwan0"] }).describe("the interface"),
  weight: z
    .int()
    .min(1)
    .max(100)
    .default(10)
    .describe("how much of what is new goes this way, beside the weights of the others"),
});

/** Table `[mesh.traffic]`. */
export const traffic = z
  .strictObject({
    queueing: z
      .enum(["auto", "cake"])
      .default("auto")
      .describe(
        'how links of known rate are shared: "auto" by the shares below; "cake" by the kernel\'s own four levels, which has no shares',
      ),
    shares,
    links: z
      .array(link)
      .max(32)
      .default([])
      .refine((links) => new Set(links.map((entry) => entry.interface)).size === links.length)
      .meta({ format: "each interface once" })
      .describe("Links whose rate is known. On others what is urgent goes first, and nobody has a share."),
    uplinks: z
      .array(uplink)
      .max(16)
      .default([])
      .refine((links) => new Set(links.map((entry) => entry.interface)).size === links.length)
      .meta({ format: "each interface once" })
      .describe(
        "Several ways to the internet, used together: those of the best priority that work. Metered ones are used only while there is no other.",
      ),
  })
  .prefault({})
  .describe("Who goes first on the links between boxes and to the internet.");

export type TrafficConfig = z.output<typeof traffic>;
