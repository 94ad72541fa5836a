import { withinTime } from "../../host/stream-time.ts";
import type { Timers } from "../../host/timers.ts";
import type { Engine, FrameStream, PeerId } from "../engine/engine-interface.ts";
import type { SessionKeys } from "../paths/paths-interface.ts";
import { deriveSessionKeys, SHARE_BYTES } from "../paths/session-keys.ts";
import {
  decodeSessionOffer,
  encodeSessionOffer,
  MAX_OFFER_BYTES,
  type SessionOffer,
  SessionOfferError,
} from "../paths/session-offer.ts";

export const SESSION_PROTOCOL = "/omerta/session/1";
const TIMEOUT_MS = 5_000;
const ASKED = { ms: TIMEOUT_MS, late: "no answer", failed: "no agreement" };

export interface SessionAgreementOptions {
  engine: Pick<Engine, "peer" | "open" | "handle">;
  /** What this box offers beside index and share, and an index that no session of its uses. */
  offer: () => Omit<SessionOffer, "share">;
  randomBytes: (count: number) => Uint8Array;
  timers: Timers;
  /** There are keys. @param asked this side asked, so both have them; else the answer to the other is yet to arrive */
  agreed: (peer: PeerId, keys: SessionKeys, theirs: SessionOffer, asked: boolean) => void;
}

/**
 * Agrees on the keys of a pair's datagrams over an authenticated stream: the one asks with its offer, the other answers
 * with its own, and both derive. Asked again, the newer keys replace the older.
 */
export class SessionAgreement {
  constructor(private readonly options: SessionAgreementOptions) {}

  /** Answers those who ask. */
  serve(): void {
    const serve = async (stream: FrameStream) => {
      const theirs = await offerFrom(stream);
      const { own, encoded } = this.newOffer();
      // Ready before the other side can be: its first datagram may come right behind our answer.
      this.agree(stream.peer, own, theirs, false);
      await stream.send(encoded);
      await stream.close();
    };
    this.options.engine.handle(SESSION_PROTOCOL, serve, { maxStreams: 2, maxFrameBytes: MAX_OFFER_BYTES });
  }

  /** Asks. @throws when the peer does not answer or answers nonsense */
  async ask(peer: PeerId): Promise<void> {
    const stream = await this.options.engine.open(peer, SESSION_PROTOCOL, { timeoutMs: TIMEOUT_MS });
    await withinTime(stream, this.options.timers, ASKED, async () => {
      const { own, encoded } = this.newOffer();
      await stream.send(encoded);
      this.agree(peer, own, await offerFrom(stream), true);
      await stream.close();
    });
  }

  private newOffer(): { own: SessionOffer; encoded: Uint8Array } {
    const own = { ...this.options.offer(), share: this.options.randomBytes(SHARE_BYTES) };
    return { own, encoded: encodeSessionOffer(own) };
  }

  private agree(peer: PeerId, own: SessionOffer, theirs: SessionOffer, asked: boolean): void {
    const { engine, agreed } = this.options;
    const keys = deriveSessionKeys({ peer: engine.peer, ...own }, { peer, ...theirs });
    agreed(peer, keys, theirs, asked);
  }
}

async function offerFrom(stream: FrameStream): Promise<SessionOffer> {
  for await (const frame of stream.frames()) return decodeSessionOffer(frame);
  throw new SessionOfferError("offer: none came");
}
