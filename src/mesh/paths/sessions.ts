import type { SessionKeys } from "./paths-interface.ts";
import { Session } from "./session.ts";

/** Agreements kept of one peer: both sides may have begun one at the same time, and each keeps the other's. */
const MAX_SESSIONS = 4;
/** How long new keys are used before anything has come under them. */
const TRIAL_MS = 2_000;
/** Older keys are forgotten once nothing has come under them for so long. */
const FORGET_MS = 180_000;

/** The sessions with one peer: what comes is opened by any of them, what goes is sealed by one that the peer has. */
export class Sessions {
  /** The newest first. */
  private kept: Session[] = [];

  /** @returns the indexes that are no longer in use */
  add(keys: SessionKeys, nowMs: number): number[] {
    const isUseless = (session: Session, position: number) =>
      position >= MAX_SESSIONS - 1 || nowMs - (session.heardMs ?? session.madeMs) > FORGET_MS;
    const gone = this.kept.filter(
      (session, at) => isUseless(session, at) || session.localIndex === keys.localIndex,
    );
    this.kept = [new Session(keys, nowMs), ...this.kept.filter((session) => !gone.includes(session))];
    return gone.map(({ localIndex }) => localIndex).filter((index) => index !== keys.localIndex);
  }

  get indexes(): number[] {
    return this.kept.map(({ localIndex }) => localIndex);
  }

  byIndex(localIndex: number): Session | undefined {
    return this.kept.find((session) => session.localIndex === localIndex);
  }

  /**
   * The newest, once the peer has shown that it has it and for a short trial before. Else, the one that it used last:
   * the answer that carried the newest keys may have been lost on its way.
   */
  toSendWith(nowMs: number): Session | undefined {
    const [newest, ...older] = this.kept;
    if (!newest || newest.heardMs !== undefined || nowMs - newest.madeMs <= TRIAL_MS) return newest;
    let heardLast: Session | undefined;
    for (const session of older)
      if ((session.heardMs ?? -1) > (heardLast?.heardMs ?? -1)) heardLast = session;
    return heardLast && (heardLast.heardMs ?? 0) > newest.madeMs ? heardLast : newest;
  }
}
