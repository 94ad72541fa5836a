import type { SessionKeys } from "./paths-interface.ts";
import { Session } from "./session.ts";

/** Agreements kept of one peer: both sides may have begun one at the same time, and each keeps the other's. */
const MAX_SESSIONS = 4;
/** How long the side that asked uses new keys before anything has come under them. */
const TRIAL_MS = 2_000;
/** With new keys, older ones go under which nothing has come for so long. */
const FORGET_MS = 180_000;

/** The sessions with one peer: what comes is opened by any of them, what goes is sealed by one that the peer has. */
export class Sessions {
  /** The newest first. */
  private kept: Session[] = [];

  /**
   * @param asked this side asked for them, so the peer, which answered, has them
   * @returns the indexes that are no longer in use
   */
  add(keys: SessionKeys, asked: boolean, nowMs: number): number[] {
    const heardLast = this.heardLast(this.kept);
    const isUseless = (session: Session, position: number) =>
      // Answers may be lost one after the other: what the peer uses is not to be pushed out by keys that it never got.
      (position >= MAX_SESSIONS - 1 && session !== heardLast) ||
      nowMs - (session.heardMs ?? session.madeMs) > FORGET_MS;
    const gone = this.kept.filter(
      (session, at) => isUseless(session, at) || session.localIndex === keys.localIndex,
    );
    const stay = this.kept.filter((session) => !gone.includes(session));
    if (stay.length >= MAX_SESSIONS) gone.push(...stay.splice(MAX_SESSIONS - 2, 1));
    this.kept = [new Session(keys, asked, nowMs), ...stay];
    return gone.map(({ localIndex }) => localIndex).filter((index) => index !== keys.localIndex);
  }

  get indexes(): number[] {
    return this.kept.map(({ localIndex }) => localIndex);
  }

  byIndex(localIndex: number): Session | undefined {
    return this.kept.find((session) => session.localIndex === localIndex);
  }

  /**
   * The newest that the peer has for certain: something came under it, or this side asked for it. The answer that carried
   * a newer one may have been lost on its way, so who answered waits for the other to use it (as in WireGuard, whitepaper
   * 5.4.6). Who asked does so at once, and goes back where the peer keeps to an older one all the same.
   */
  toSendWith(nowMs: number): Session | undefined {
    const newest = this.kept.find(({ heardMs, asked }) => asked || heardMs !== undefined) ?? this.kept[0];
    if (!newest || newest.heardMs !== undefined || nowMs - newest.madeMs <= TRIAL_MS) return newest;
    const heardLast = this.heardLast(this.kept);
    return heardLast && (heardLast.heardMs ?? 0) > newest.madeMs ? heardLast : newest;
  }

  private heardLast(sessions: readonly Session[]): Session | undefined {
    let last: Session | undefined;
    for (const session of sessions) if ((session.heardMs ?? -1) > (last?.heardMs ?? -1)) last = session;
    return last;
  }
}
