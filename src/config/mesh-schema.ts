import { z } from "zod";
import { interfaceName, text } from "./fields.ts";
import { traffic } from "./traffic-schema.ts";
import { WAYS, ways } from "./ways-schema.ts";

const endpoint = z
  .string()
  .max(270)
  .regex(/^([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/)
  .meta({ format: 'a name or address and a port such as "box.example.org:4600" or "[2001:db8::7]:4600"' });

const relay = z
  .strictObject({
    enabled: z.boolean().default(true).describe("carry what boxes send that cannot reach each other"),
    boxes: z
      .int()
      .min(0)
      .max(2_000)
      .default(200)
      .describe("how many boxes may keep a place here to be reached by"),
    total_kbit: z
      .int()
      .min(64)
      .max(10_000_000)
      .default(20_000)
      .describe(
        "the most that is relayed in one network, in kbit/s: two fifths for streams, two for tunnels, and one for messages",
      ),
    each_kbit: z
      .int()
      .min(64)
      .max(10_000_000)
      .default(4_000)
      .describe("the most of it for one pair of boxes, in kbit/s"),
    tunnels: z
      .int()
      .min(0)
      .max(1_000)
      .default(32)
      .describe("how many WireGuard tunnels are relayed at a time"),
  })
  .prefault({})
  .describe("What this box carries for others. It reads none of it.");

export const mesh = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe("find other boxes of the same network, and stay in touch with them"),
    port: z
      .int()
      .min(1_024)
      .max(65_000)
      .default(4_600)
      .describe(
        "the first of the ports used, TCP and UDP; each network that the box belongs to takes the next two free ones",
      ),
    invites: z
      .array(text(5_000).regex(/^omerta:\/\/invite\//))
      .max(8)
      .default([])
      .meta({ format: 'invites as other boxes make them, "omerta://invite/…"' })
      .describe("networks to join at the next start"),
    exclude: z
      .array(interfaceName)
      .max(32)
      .default([])
      .describe("interfaces that the mesh stays away from; the guest network's always are"),
    radio: z
      .array(interfaceName)
      .max(16)
      .default([])
      .describe("interfaces that are radio links although the system does not say so"),
    metered: z
      .array(interfaceName)
      .max(16)
      .default([])
      .describe(
        "interfaces whose volume is paid for or scarce: little is sent there to keep in touch, and nothing in bulk",
      ),
    prefer: z
      .array(z.enum(WAYS))
      .max(WAYS.length)
      .default([...WAYS])
      .describe("which way to another box goes before which, as long as it works"),
    announce: z
      .array(endpoint)
      .max(4)
      .default([])
      .describe(
        "where this box is reached from the internet, if a router passes its port on or it has a public name",
      ),
    neighbours: z
      .int()
      .min(2)
      .max(64)
      .default(12)
      .describe(
        "with how many boxes of a network to keep in touch directly; the others are reached by the way",
      ),
    lora: z.boolean().default(true).describe("send what is urgent by LoRa where no other way is left"),
    ways,
    relay,
    traffic,
  })
  .prefault({})
  .describe("Other boxes: how they are found and reached.");

export type MeshConfig = z.output<typeof mesh>;
