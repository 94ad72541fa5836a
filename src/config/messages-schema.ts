import { z } from "zod";
import { text } from "./fields.ts";

const mail = z
  .strictObject({
    host: text(253)
      .default("")
      .describe('the mail server that takes mail from this box, by name or address; "": no mail is sent'),
    port: z.int().min(1).max(65_535).default(587).describe("its port"),
    security: z
      .enum(["starttls", "tls", "none"])
      .default("starttls")
      .describe("how the way to it is encrypted; none only for a server on this very box"),
    user: text(254).default("").describe('who the box is to it; "": it asks for no name'),
    password_file: text(4_096).default("").describe("path of a file with the password in its first line"),
    from: text(254).default("").describe("the address that mail comes from"),
    per_hour: z
      .int()
      .min(1)
      .max(10_000)
      .default(200)
      .describe(
        "how many mails are tried in an hour, so that no flood of guests makes the server refuse the box",
      ),
  })
  .prefault({})
  .describe(
    "Check-ins that are for somebody outside go by mail as soon as there is an uplink; without a server they wait, and other boxes of the network may send them.",
  );

export const messages = z
  .strictObject({
    enabled: z.boolean().default(true).describe("check-ins, calls for help, the town square, messages"),
    network: text(120)
      .default("")
      .describe(
        'the network whose boxes exchange messages, by name or id; "": the first that this box belongs to. Nothing of it is told in another',
      ),
    lora: z.boolean().default(true).describe("exchange messages with boxes that are heard by LoRa"),
    max_mib: z
      .int()
      .min(16)
      .max(1_048_576)
      .default(512)
      .describe("what all messages may take on the medium, in MiB; the least important go first"),
    rooms: z
      .array(text(32).regex(/^[\p{L}\p{N}][\p{L}\p{M}\p{N} _.'-]*$/u))
      .max(20)
      .default([])
      .meta({ format: "names of rooms, at most 32 letters, digits and spaces each" })
      .describe("rooms beside the town square"),
    open_rooms: z.boolean().default(false).describe("guests may begin further rooms"),
    people: z
      .enum(["open", "invite", "closed"])
      .default("open")
      .describe(
        "who becomes a person of the network at the portal: everybody who asks, those with an invite, or nobody. An SOS and a check-in need none of it",
      ),
    people_per_hour: z
      .int()
      .min(1)
      .max(10_000)
      .default(60)
      .describe("how many become one in an hour without an invite"),
    sticks: text(200)
      .default("/media")
      .describe(
        'where USB sticks appear: messages are taken from and left on each that has a folder called omerta-messages; "": sticks are left alone',
      ),
    mail,
  })
  .prefault({})
  .describe("Messages: what people write on the portal, and what carries it.");

export type MessagesConfig = z.output<typeof messages>;
