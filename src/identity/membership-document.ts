import { z } from "zod";
import { textProblem } from "./cbor.ts";
import { MAX_NAME_CHARS } from "./certificate.ts";
import { MAX_CHAIN_BYTES, ROLES } from "./member.ts";
import { MAX_EPOCH, MAX_STATEMENT_BYTES } from "./statement.ts";

const base64 = (minBytes: number, maxBytes = minBytes) =>
  z
    .string()
    .max(Math.ceil(maxBytes / 3) * 4)
    .refine((text) => {
      const bytes = Buffer.from(text, "base64");
      return bytes.length >= minBytes && bytes.length <= maxBytes && bytes.toString("base64") === text;
    }, "is no base64 of that length");

const key = base64(32);

const peer = z.looseObject({ publicKey: key, addresses: z.array(z.string().max(512)).max(16) });

const sharedKey = z.looseObject({ epoch: z.int().min(0).max(MAX_EPOCH), key });

const time = z.int().min(0);

const invite = z.looseObject({
  key,
  role: z.enum(ROLES),
  once: z.boolean(),
  issuedAt: time,
  expiresAt: time,
});

/** What a box keeps of one network, as JSON that people may read; bytes are base64. It has secrets in it. */
export const membershipSchema = z.looseObject({
  networkKey: key,
  name: z.string().refine((text) => textProblem(text, MAX_NAME_CHARS) === undefined, "is no name"),
  /** The founder's box alone: the seed of the network's own key. */
  networkSeed: key.nullable(),
  /** The seed of this box's key in this network. */
  memberSeed: key,
  generation: z.int().min(0).max(0xffff_ffff),
  chain: base64(1, MAX_CHAIN_BYTES),
  /** The one that came with the last invite. */
  sharedKey,
  /** Those that came with the invites before, the last one first. */
  olderSharedKeys: z.array(sharedKey).max(2).default([]),
  statements: z.array(base64(1, MAX_STATEMENT_BYTES)).max(10_000),
  /** Where others were found, the last one first. */
  peers: z.array(peer).max(32),
  /** Those that this box has made, the last one first. */
  invites: z.array(invite).max(200).default([]),
});

export type MembershipData = z.infer<typeof membershipSchema>;

/** A document without a membership is one that was made but never filled. */
export const membershipDocument = z.looseObject({ membership: membershipSchema.nullable() });

export const toText = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
export const toBytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));
