import { createHash } from "node:crypto";
import { z } from "zod";
import { InviteError } from "./invite-link.ts";
import { KEY_BYTES } from "./signing-key.ts";

/** What an invite link of Omerta's own program says. A box cannot join by it. */
export interface OmertaInvite {
  kind: "omerta";
  networkName: string;
  /** Hex of the first 8 bytes of SHA-256(network key), as Omerta counts it. */
  networkId: string;
  bootstrapPeers: readonly { peerId: string; host: string; port: number }[];
  createdAt: Date;
}

export const OMERTA_PREFIX = "omerta://join/";
const MAX_CHARS = 8_192;
const MAX_PEERS = 64;

const schema = z.object({
  networkKey: z
    .string()
    .max(64)
    .refine((text) => base64Bytes(text)?.length === KEY_BYTES, `is not the base64 of ${KEY_BYTES} bytes`),
  networkName: z.string().max(256),
  bootstrapPeers: z.array(z.string().max(320)).max(MAX_PEERS),
  createdAt: z.iso.datetime({ offset: true }),
});

/** Why a box doesn't take such a link, for the person who has it. */
export function whyNotOmerta({ networkName }: Pick<OmertaInvite, "networkName">): string {
  return (
    `This is an invite to “${networkName}”, a network of the Omerta program. A box cannot join by it: whoever has that ` +
    "network's one key is in it, while boxes show certificates that can be revoked one by one. Ask somebody in a network of " +
    "boxes for an invite: it begins with omerta://invite/."
  );
}

/**
 * Reads Omerta's own `omerta://join/` link: standard base64 of JSON with `networkKey`, `networkName`, `bootstrapPeers`
 * ("peerId@host:port") and `createdAt` (ISO 8601). The network's key is not given on: nothing here has a use for it.
 * @throws {InviteError} naming the field
 */
export function decodeOmertaLink(text: string): OmertaInvite {
  const trimmed = text.trim();
  if (trimmed.length > MAX_CHARS)
    throw new InviteError("link", `${trimmed.length} characters, more than ${MAX_CHARS}`);
  if (!trimmed.startsWith(OMERTA_PREFIX))
    throw new InviteError("link", `does not begin with ${OMERTA_PREFIX}`);
  const bytes = base64Bytes(trimmed.slice(OMERTA_PREFIX.length));
  if (bytes === undefined) throw new InviteError("link", "is cut short or mistyped (no base64)");
  const { networkKey, networkName, bootstrapPeers, createdAt } = parse(bytes);
  const key = Buffer.from(networkKey, "base64");
  return {
    kind: "omerta",
    networkName: networkName.replace(/[\p{Cc}\p{Cf}]/gu, " "),
    networkId: createHash("sha256").update(key).digest("hex").slice(0, 16),
    bootstrapPeers: bootstrapPeers.map(readPeer),
    createdAt: new Date(createdAt),
  };
}

function parse(bytes: Uint8Array): z.infer<typeof schema> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new InviteError("link", "has no JSON in it");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InviteError(["link", ...(issue?.path ?? [])].join("."), issue?.message ?? "is malformed");
}

/** "peerId@host:port"; an IPv6 host is in brackets. */
function readPeer(text: string, index: number): OmertaInvite["bootstrapPeers"][number] {
  const [, peerId, bracketed, plain, digits] =
    /^([0-9a-f]{16})@(?:\[([0-9a-fA-F:.%\w]{2,64})\]|([^\s@:[\]\p{Cc}]{1,253})):(\d{1,5})$/u.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (peerId === undefined || host === undefined || port < 1 || port > 65_535) {
    throw new InviteError(`link.bootstrapPeers.${index}`, "is not of the form peerId@host:port");
  }
  return { peerId, host, port };
}

function base64Bytes(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  const strip = (encoded: string) => encoded.replace(/=+$/, "");
  return strip(bytes.toString("base64")) === strip(text) ? bytes : undefined;
}
