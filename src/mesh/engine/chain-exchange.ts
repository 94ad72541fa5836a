import type { MessageStream } from "@libp2p/interface";
import { byteStream } from "@libp2p/utils";
import {
  MAX_CHAIN_BYTES,
  MAX_STATEMENT_BYTES,
  type Member,
  mayTellRefusal,
  type Passport,
} from "../../identity/index.ts";

/** Longest reason that is told to the other side, in bytes of UTF-8. */
const MAX_REASON_BYTES = 200;

/** First byte of a message; then two bytes of length, big-endian; then the body. */
const CHAIN = 1;
const REFUSAL = 2;
const WELCOME = 3;
/** Follows a refusal: the statement behind it, or nothing. */
const PROOF = 4;
const HEADER_BYTES = 3;
const MOST_BYTES: Readonly<Record<number, number>> = {
  [CHAIN]: MAX_CHAIN_BYTES,
  [REFUSAL]: MAX_REASON_BYTES,
  [PROOF]: MAX_STATEMENT_BYTES,
};

/** The other side is no member of this network, or does not take us for one. */
export class MembershipError extends Error {
  override name = "MembershipError";
}

type Link = ReturnType<typeof byteStream<MessageStream>>;

interface Message {
  type: number;
  body: Uint8Array;
}

export interface ChainExchange {
  /** An encrypted channel to who owns `publicKey`. */
  stream: MessageStream;
  /** The other's raw Ed25519 public key, as the encryption has proven it. */
  publicKey: Uint8Array;
  passport: Pick<Passport, "chain" | "check" | "proofAgainst" | "accept">;
  signal: AbortSignal;
}

/** Who the other is, and the certificates that say so. */
export interface Shown {
  member: Member;
  chain: Uint8Array;
}

/**
 * The side that dialled shows its certificates first, and takes the other's in return.
 * @throws {MembershipError} when either side refuses
 */
export async function showFirst(exchange: ChainExchange): Promise<Shown> {
  const link = byteStream(exchange.stream);
  await write(link, { type: CHAIN, body: exchange.passport.chain() }, exchange.signal);
  const answer = await read(link, exchange.signal);
  if (answer.type === REFUSAL) throw await refusedBy(link, answer.body, exchange);
  if (answer.type !== CHAIN) throw new MembershipError("did not show its certificates");
  const member = await check(link, answer.body, exchange);
  await write(link, { type: WELCOME, body: new Uint8Array() }, exchange.signal);
  link.unwrap();
  return { member, chain: answer.body };
}

/**
 * The side that was dialled shows no certificates before the other's were good, and no reason to strangers. Who knows a
 * shared key and no more learns the public key that noise proves, and so the peer id, of a box that it dials; not its
 * name, its role, or who let it in.
 * @throws {MembershipError} when either side refuses
 */
export async function showSecond(exchange: ChainExchange): Promise<Shown> {
  const link = byteStream(exchange.stream);
  const shown = await read(link, exchange.signal);
  if (shown.type !== CHAIN) throw new MembershipError("did not show its certificates");
  const member = await check(link, shown.body, exchange);
  await write(link, { type: CHAIN, body: exchange.passport.chain() }, exchange.signal);
  const answer = await read(link, exchange.signal);
  if (answer.type === REFUSAL) throw await refusedBy(link, answer.body, exchange);
  if (answer.type !== WELCOME) throw new MembershipError("did not answer our certificates");
  link.unwrap();
  return { member, chain: shown.body };
}

async function check(link: Link, chain: Uint8Array, exchange: ChainExchange): Promise<Member> {
  try {
    return exchange.passport.check(chain, exchange.publicKey);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (mayTellRefusal(chain, exchange.passport.chain(), exchange.publicKey)) {
      const body = new TextEncoder().encode(why).subarray(0, MAX_REASON_BYTES);
      await write(link, { type: REFUSAL, body }, exchange.signal);
      const proof = exchange.passport.proofAgainst?.(chain) ?? new Uint8Array();
      await write(link, { type: PROOF, body: proof }, exchange.signal);
      // The connection is reset right after, which may overtake what was written; so the other is given the time to read and leave.
      await link.read({ signal: exchange.signal }).catch(() => undefined);
    }
    throw new MembershipError(why);
  }
}

/** What the other has said of it is taken in where it is signed by whom it must be. */
async function refusedBy(link: Link, reason: Uint8Array, exchange: ChainExchange): Promise<MembershipError> {
  try {
    const { type, body } = await read(link, exchange.signal);
    if (type === PROOF && body.length > 0) exchange.passport.accept?.(body);
  } catch {
    // It may have told no more, or nonsense: then its word is all that there is.
  }
  return new MembershipError(`refused by it: ${printable(reason)}`);
}

async function write(link: Link, { type, body }: Message, signal: AbortSignal): Promise<void> {
  const header = Uint8Array.of(type, body.length >> 8, body.length & 0xff);
  await link.write(Buffer.concat([header, body]), { signal });
}

async function read(link: Link, signal: AbortSignal): Promise<Message> {
  const header = (await link.read({ bytes: HEADER_BYTES, signal })).subarray();
  const [type = 0, high = 0, low = 0] = header;
  const length = high * 256 + low;
  const most = MOST_BYTES[type] ?? 0;
  if (length > most) throw new MembershipError(`a message of ${length} bytes is too long`);
  if (length === 0) return { type, body: new Uint8Array() };
  // In memory of its own: certificates are kept, and what they came in is not to be.
  return { type, body: (await link.read({ bytes: length, signal })).slice() };
}

/** What a stranger wrote, fit for a log line. */
function printable(body: Uint8Array): string {
  return new TextDecoder().decode(body).replace(/\p{C}+/gu, " ");
}
