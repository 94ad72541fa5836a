import {
  box,
  inboxQuery,
  type RawChallenge,
  type RawInbox,
  readChallenge,
  readInbox,
  UnreachableError,
} from "./box.ts";
import type { Messenger } from "./messenger.ts";
import { isElsewhere } from "./one-tab.ts";

/** Without a stream the box is asked so often. */
const POLL_EVERY_MS = 30_000;
/** After a stream has ended another is begun, later and later. */
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 60_000;

/** Keeps the page up to date by server-sent events as long as it is looked at, and by asking where there are none. */
export class Live {
  private source: EventSource | undefined;
  private retryMs = FIRST_RETRY_MS;
  private timer = 0;
  /** Counts the beginnings: one that was overtaken while it waited for the box opens no stream. */
  private generation = 0;

  constructor(private readonly messenger: Messenger) {}

  start(): void {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.end();
      else this.resume();
    });
    addEventListener("online", () => this.resume());
    setInterval(() => {
      if (isElsewhere()) return;
      if (!document.hidden && this.source?.readyState !== EventSource.OPEN) void this.messenger.receive();
    }, POLL_EVERY_MS);
    this.resume();
  }

  /** Another tab goes on with the page until {@link resume}. */
  pause(): void {
    this.end();
  }

  resume(): void {
    if (!isElsewhere()) void this.begin();
  }

  private end(): void {
    this.generation += 1;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = undefined;
  }

  private async begin(): Promise<void> {
    this.end();
    const { generation } = this;
    try {
      const challenge = await box.challenge();
      if (generation !== this.generation) return;
      const proof = this.messenger.proof(challenge);
      if (proof === undefined) return;
      const source = new EventSource(`/app/events?${new URLSearchParams(inboxQuery(...proof))}`);
      this.source = source;
      source.addEventListener("inbox", ({ data }) => {
        this.retryMs = FIRST_RETRY_MS;
        const inbox = readInbox(JSON.parse(data) as RawInbox);
        this.messenger.takeIn(inbox);
        // The rest, where it was not all; and how far one's own have come.
        void this.messenger.receive(inbox);
      });
      source.addEventListener("changed", ({ data }) => {
        void this.messenger.receive(readChallenge(JSON.parse(data) as RawChallenge));
      });
      // The browser would ask again with a proof that is used up.
      source.addEventListener("error", () => this.later());
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      this.messenger.trouble = "unreachable";
      if (generation === this.generation) this.later();
    }
  }

  private later(): void {
    this.end();
    if (document.hidden || isElsewhere()) return;
    this.timer = setTimeout(() => void this.begin(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }
}
