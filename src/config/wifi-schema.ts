import { z } from "zod";
import { interfaceName, text } from "./fields.ts";

/** A network's name as stations see it: 1 to 32 bytes (IEEE 802.11-2020, 9.4.2.2). */
const ssid = z
  .string()
  .refine((value) => value !== "" && Buffer.byteLength(value) <= 32)
  .meta({ format: "text of 1 to 32 bytes; letters of many scripts have two or three" });

const channel = z.int().min(1).max(177);

const mesh = z
  .strictObject({
    enabled: z.boolean().default(true).describe("connect to other boxes by a mesh of radios"),
    id: ssid.default("omerta").describe("the mesh's name; all boxes that are to meet must have the same"),
    channels: z
      .array(channel)
      .min(1)
      .max(8)
      .default([1, 36])
      .describe(
        "where boxes meet; all must have the same. A box with one radio for the mesh takes the first that is allowed, one with more takes the next ones too",
      ),
    password_file: text(4_096)
      .default("")
      .describe(
        'path of a file with the mesh\'s password in its first line, the same for all boxes; "": one that the boxes of a network derive from its shared key',
      ),
    wires: z
      .array(interfaceName)
      .max(16)
      .default([])
      .describe(
        "wired interfaces that lead to other boxes and to nobody else: they and the radios are one mesh, in which either takes over from the other",
      ),
  })
  .prefault({})
  .describe("The mesh of radios, 802.11s with SAE.");

/** IEEE 802.11-2020, annex J.4: 8 to 63 characters of ASCII. */
const passphrase = z
  .string()
  .regex(/^([ -~]{8,63})?$/)
  .meta({ format: '8 to 63 letters, digits and signs of ASCII, or ""' });

const uplink = z.strictObject({
  ssid: ssid.meta({ examples: ["Library"] }).describe("the network's name"),
  password: passphrase
    .default("")
    .describe('its password, for all to read who have this file; "": that of password_file'),
  password_file: text(4_096)
    .default("")
    .describe('path of a file with the password in its first line; "": the network has none'),
});

const radio = z.strictObject({
  path: text(200)
    .min(1)
    .meta({ examples: ["platform/soc/…/mmc1:0001:1"] })
    .describe("which radio: its path, or the end of it, as omerta-box radios list shows it"),
  use: z
    .enum(["auto", "access", "mesh", "uplink", "off"])
    .default("auto")
    .describe("what it may be used for; auto: whatever suits it"),
  power_dbm: z.int().min(0).max(40).default(0).describe("the most that it sends with; 0: as wifi.power_dbm"),
});

export const wifi = z
  .strictObject({
    enabled: z.boolean().default(true).describe("set up the radios; false leaves them alone"),
    country: z
      .string()
      .regex(/^([A-Z]{2})?$/)
      .default("")
      .meta({ format: 'two capital letters such as "DE", or ""' })
      .describe(
        'where the box stands, by ISO 3166-1: it decides on channels and power; "": what the system is set to, and else what is allowed everywhere',
      ),
    ssid: ssid
      .or(z.literal(""))
      .default("")
      .describe('the open network\'s name; "": box.name, cut to 32 bytes'),
    open_network: z.boolean().default(true).describe("open a network that everybody may join"),
    owe: z
      .boolean()
      .default(true)
      .describe(
        "encrypt it for phones that can (OWE), where a radio carries two networks; the others join as before",
      ),
    more_access_points: z
      .boolean()
      .default(true)
      .describe("open the network on radios too that have nothing else to do"),
    power_dbm: z
      .int()
      .min(0)
      .max(40)
      .default(0)
      .describe("the most that radios send with; 0: as much as is allowed"),
    avoid_channels: z
      .array(channel)
      .max(32)
      .default([])
      .describe("channels to leave to others, as long as there is another one"),
    mesh,
    uplinks: z
      .array(uplink)
      .max(16)
      .default([])
      .describe("Wi-Fi networks that lead to the internet, the best first."),
    radios: z.array(radio).max(16).default([]).describe("What single radios are for."),
  })
  .prefault({})
  .describe("The radios. omerta-box radios plan tells what comes of it.");

export type WifiConfig = z.output<typeof wifi>;
