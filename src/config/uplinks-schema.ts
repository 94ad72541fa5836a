import { isIP } from "node:net";
import { z } from "zod";
import { interfaceName } from "./fields.ts";

/** Three makers' servers that phones ask too: nobody learns much by it, and no country blocks all of them by chance. */
const DEFAULT_TARGETS = [
  "http://cp.cloudflare.com/generate_204",
  "http://connectivitycheck.gstatic.com/generate_204",
  "http://www.qualcomm.cn/generate_204",
];
const DEFAULT_RESOLVERS = ["9.9.9.9", "1.1.1.1", "2620:fe::fe"];

const target = z
  .string()
  .max(200)
  .regex(/^http:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(\/[!-~]*)?$/)
  .refine((text) => URL.canParse(text))
  .meta({ format: 'an address such as "http://example.org/generate_204"' });

const resolver = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes("%"))
  .meta({ format: "an IP address" });

const link = z.strictObject({
  interface: interfaceName.meta({ examples: ["wwan0"] }).describe("the interface"),
  priority: z
    .int()
    .min(0)
    .max(1_000)
    .default(0)
    .describe(
      "the lowest that works is used, and those of equal priority together; 0: by what it is: 10 for those named elsewhere in this file, 20 Ethernet, 30 Wi-Fi, 40 a phone's tethering, 50 a modem",
    ),
  metered: z
    .literal("auto")
    .or(z.boolean())
    .default("auto")
    .meta({ format: '"auto", true or false' })
    .describe(
      "its volume is paid for: used last, checked seldom; auto: those of mesh.metered, modems and tethering are",
    ),
});

/** Table `[uplinks]`. */
export const uplinks = z
  .strictObject({
    find: z
      .boolean()
      .default(true)
      .describe(
        "use the ways to the internet that are found: Ethernet, a phone's tethering, modems, and Wi-Fi as a station, that are not of the guest network; false: those alone that this file names",
      ),
    check: z
      .boolean()
      .default(true)
      .describe(
        "look by small requests whether a way reaches anything, or ends in a captive portal; false: one whose router answers counts as working",
      ),
    check_seconds: z
      .int()
      .min(2)
      .max(3_600)
      .default(10)
      .describe("how often ways in use are looked at; others a third as often, metered ones a tenth"),
    targets: z
      .array(target)
      .min(1)
      .max(8)
      .default(DEFAULT_TARGETS)
      .describe("pages that answer with status 204 and nothing else; one that does so is enough"),
    resolvers: z
      .array(resolver)
      .max(4)
      .default(DEFAULT_RESOLVERS)
      .describe("public name servers, asked where a way's own do not answer, to tell what is broken"),
    metered_guests: z
      .enum(["refuse", "limit", "allow"])
      .default("limit")
      .describe("what guests may do on a metered way, if gateway.uplink.allow lets them out at all"),
    metered_guest_kbit: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(256)
      .describe('the most for one guest on a metered way, in kbit/s, with "limit"'),
    links: z
      .array(link)
      .max(16)
      .default([])
      .refine((links) => new Set(links.map((entry) => entry.interface)).size === links.length)
      .meta({ format: "each interface once" })
      .describe("What the box cannot know of a way to the internet by itself."),
  })
  .prefault({})
  .describe("The ways to the internet: which there are, whether they work, and which goes first.");

export type UplinksConfig = z.output<typeof uplinks>;
