import type { Page, ShownCheckIn, ShownNotice, ShownPost } from "../messages/index.ts";
import { type DeskMessages, isRefusal, type Outcome } from "./desk-messages-client.ts";

/** Guests may begin rooms where the operator lets them: a page names no more. */
const MAX_ROOMS = 30;

/** Answers of the daemon that are kept: a crowd reads the same few pages. */
const MAX_KEPT = 64;

interface Kept {
  version: number;
  atMs: number;
  /** Never rejects. */
  answer: Promise<Outcome<object>>;
}

/**
 * What everybody may read, as the daemon told it, until it tells that something has changed: two hundred phones that look at the
 * town square cost the daemon one question. What is old is better than nothing while the daemon is away.
 */
export class PublicBoard {
  /** Counts the changes, for what is kept by them. */
  version = 0;
  /** Counts the changes of {@link notices} alone. */
  noticesVersion = 0;
  private readonly kept = new Map<string, Kept>();
  private known: { notices: readonly ShownNotice[]; atMs: number } = { notices: [], atMs: 0 };
  private asking: Promise<void> | undefined;

  constructor(
    private readonly desk: DeskMessages,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Something that is public is another thing now, or may be. */
  changed(): void {
    this.version += 1;
    this.asking ??= this.askForNotices();
  }

  /** The operators' notices as they were last told: no page waits for them. */
  get notices(): readonly ShownNotice[] {
    return aged(this.known.notices, this.nowMs() - this.known.atMs);
  }

  get hasNotices(): boolean {
    return this.known.notices.length > 0;
  }

  posts(room: string, before?: string, most?: number): Promise<Outcome<Page<ShownPost>>> {
    const ask = () => this.desk.posts(room, before, most);
    return this.page(JSON.stringify(["posts", room, before, most]), ask);
  }

  checkIns(name: string, before?: string, most?: number): Promise<Outcome<Page<ShownCheckIn>>> {
    const ask = () => this.desk.checkIns(name, before, most);
    return this.page(JSON.stringify(["check-ins", name, before, most]), ask);
  }

  /** The rooms in the daemon's order; none where it does not answer. */
  async rooms(): Promise<string[]> {
    const { outcome } = await this.ask("rooms", () => this.desk.rooms());
    return isRefusal(outcome) ? [] : outcome.slice(0, MAX_ROOMS).map(({ room }) => room);
  }

  private async page<T extends { ageS: number }>(
    key: string,
    ask: () => Promise<Outcome<Page<T>>>,
  ): Promise<Outcome<Page<T>>> {
    const { outcome, keptMs } = await this.ask(key, ask);
    return isRefusal(outcome) ? outcome : { ...outcome, items: aged(outcome.items, keptMs) };
  }

  /** Asks the daemon, or uses what it said since the last change. */
  private async ask<T extends object>(
    key: string,
    ask: () => Promise<Outcome<T>>,
  ): Promise<{ outcome: Outcome<T>; keptMs: number }> {
    const before = this.kept.get(key);
    let now = before;
    if (now?.version !== this.version) {
      now = { version: this.version, atMs: this.nowMs(), answer: ask() };
      if (this.kept.size >= MAX_KEPT) this.kept.clear();
      this.kept.set(key, now);
    }
    // The cast: what is kept under a key was asked for by the same key.
    const outcome = (await now.answer) as Outcome<T>;
    if (!isRefusal(outcome)) return { outcome, keptMs: this.nowMs() - now.atMs };
    if (this.kept.get(key) === now) this.kept.delete(key);
    const old = before && before !== now ? ((await before.answer) as Outcome<T>) : outcome;
    if (!before || isRefusal(old) || outcome.refused !== "unreachable") return { outcome, keptMs: 0 };
    if (!this.kept.has(key)) this.kept.set(key, before);
    return { outcome: old, keptMs: this.nowMs() - before.atMs };
  }

  private async askForNotices(): Promise<void> {
    let version: number;
    do {
      version = this.version;
      const notices = await this.desk.notices();
      if (isRefusal(notices)) continue;
      this.known = { notices, atMs: this.nowMs() };
      this.noticesVersion += 1;
    } while (version !== this.version);
    this.asking = undefined;
  }
}

/** The same things, older. */
function aged<T extends { ageS: number }>(items: readonly T[], byMs: number): T[] {
  const byS = Math.floor(byMs / 1_000);
  return items.map((item) => ({ ...item, ageS: item.ageS + byS }));
}
