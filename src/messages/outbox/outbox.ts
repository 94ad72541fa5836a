import { onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { type BundleId, PRIORITIES } from "../bundle/bundle.ts";
import type { Custody, Held } from "../custody/custody.ts";
import type { OutboxEntry } from "../desk/operator-messages.ts";
import type { Bridge, BridgeOutcome } from "./bridge.ts";
import { type OutboxRow, OutboxRows } from "./outbox-rows.ts";

/** After the first failure; twice as long after each further one. */
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;
/** A share of a wait by which it may be longer, so that boxes do not come back at the same moment. */
const SPREAD = 0.2;
/** What came from another box waits for up to so long, at random: one of those that have it sends it, and the others hear of that. */
const OTHERS_TURN_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;
const PAGE = 50;
/** What is said of an item between the sending of it and the telling. */
const UNTOLD = "sent; this box's network is not told yet";

export interface OutboxOptions {
  /** Its database. */
  path: string;
  custody: Pick<Custody, "get" | "onNew" | "onGone">;
  /** What is in custody for somebody outside, in the order in which it came, after an order; at most `limit`. */
  outside: (after: number, limit: number) => readonly Held[];
  /** Whether a box is known to have told that it has sent it, this one or another. */
  isSent: (id: BundleId) => boolean;
  bridges: readonly Bridge[];
  /** Attempts in an hour, so that no flood of guests makes the mail server refuse the box. Default 200. */
  perHour?: number;
  timers: Timers;
  /** 0 to 1. */
  random: () => number;
  log: Logger;
  /** Told once a bundle is out; again after a restart where it did not resolve. */
  sent: (id: BundleId) => Promise<void>;
}

/**
 * What is for somebody outside waits here until a bridge has sent it or its lifetime is over; restarts lose none of it. One
 * at a time, the most important first.
 *
 * An item is marked as being sent, on the medium, before a byte of it leaves, and as sent after the other side has taken it
 * on. Killed between the two, the box cannot know whether it went out, and sends it again: in a disaster twice is better than
 * never. Both attempts bear the same mark (for mail, the Message-ID), as do those of other boxes that send the same.
 */
export class Outbox {
  private readonly rows: OutboxRows;
  private readonly notBeforeMs = new Map<BundleId, number>();
  /** When it is this box's turn to send what another box had first; no uplink that comes makes that sooner. */
  private readonly turnMs = new Map<BundleId, number>();
  private readonly pauses = new Map<Bridge, { untilMs: number; failures: number }>();
  private attemptsMs: number[] = [];
  private abort = new AbortController();
  private ends: (() => void)[] = [];
  private callOff: () => void = () => {};
  private readonly round: () => Promise<void>;

  constructor(private readonly options: OutboxOptions) {
    this.rows = new OutboxRows(options.path);
    this.round = onceAtATime(() => this.sendWhatIsDue());
  }

  /** @returns what is wrong with the medium, if something is */
  async start(): Promise<ReturnType<OutboxRows["open"]>> {
    const { custody } = this.options;
    const found = this.rows.open();
    this.abort = new AbortController();
    for (const row of this.rows.inState("sending"))
      await this.rows.update({ ...row, state: "waiting", detail: "the box stopped while it was being sent" });
    for (const row of this.rows.newest(Number.MAX_SAFE_INTEGER))
      if (custody.get(row.id) === undefined) await this.rows.remove(row.id);
    this.ends = [
      custody.onNew((held) => void this.offer(held).then(() => this.begin(), this.failed)),
      custody.onGone((id) => void this.drop(id).catch(this.failed)),
    ];
    for (const row of this.rows.inState("sent")) if (row.detail === UNTOLD) await this.tell(row);
    await this.offerAll();
    this.tryNow();
    return found;
  }

  async stop(): Promise<void> {
    for (const end of this.ends) end();
    this.callOff();
    this.abort.abort();
    await this.round();
    this.rows.close();
  }

  /** An uplink has come: whatever waits need not wait any longer. */
  tryNow(): void {
    this.notBeforeMs.clear();
    this.pauses.clear();
    this.begin();
  }

  /** Another box has told that it has sent it. */
  async sentElsewhere(id: BundleId): Promise<void> {
    const row = this.rows.get(id);
    if (row?.state === "waiting") await this.rows.update({ ...row, state: "sent", detail: "by another box" });
  }

  entries(limit = 200): OutboxEntry[] {
    return this.rows.newest(limit).flatMap(({ id, uri, state, detail }) => {
      const held = this.options.custody.get(id);
      if (held === undefined) return [];
      const shown =
        state === "sending" ? { state: "waiting" as const, detail: "is being sent" } : { state, detail };
      return [{ id, uri, ...shown, ageS: Math.floor(held.ageMs / 1_000) }];
    });
  }

  /** As the status page shows it. */
  status(): { waiting: number; sent: number; failed: number; bridge: string } {
    const { waiting, sending, sent, failed } = this.rows.counts();
    return {
      waiting: waiting + sending,
      sent,
      failed,
      bridge: this.options.bridges.map(({ name }) => name).join(", "),
    };
  }

  private async offerAll(): Promise<void> {
    let after = 0;
    for (;;) {
      const page = this.options.outside(after, PAGE);
      await Promise.all(page.map((held) => this.offer(held)));
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.order;
    }
  }

  private async offer({ id, bundle, source }: Held): Promise<void> {
    if (bundle.to.kind !== "outside") return;
    const { isSent, random, timers } = this.options;
    if (source.by !== "guest" && source.by !== "self")
      this.turnMs.set(id, timers.monotonicMs() + random() * OTHERS_TURN_MS);
    await this.rows.add(id, bundle.to.uri, PRIORITIES.indexOf(bundle.priority));
    // What another box told may be here before that of which it told.
    if (isSent(id)) await this.sentElsewhere(id);
  }

  private async drop(id: BundleId): Promise<void> {
    this.notBeforeMs.delete(id);
    this.turnMs.delete(id);
    await this.rows.remove(id);
  }

  private begin(): void {
    if (!this.abort.signal.aborted) void this.round().catch(this.failed);
  }

  private async sendWhatIsDue(): Promise<void> {
    this.callOff();
    while (!this.abort.signal.aborted) {
      const { row, bridge, atMs } = this.next();
      const nowMs = this.options.timers.monotonicMs();
      if (row === undefined || bridge === undefined) return;
      if (atMs > nowMs) {
        this.callOff = this.options.timers.after(atMs - nowMs, () => this.begin());
        return;
      }
      await this.send(row, bridge);
    }
  }

  /** The first in turn that is due, or the one that is due next. */
  private next(): { row?: OutboxRow; bridge?: Bridge; atMs: number } {
    const nowMs = this.options.timers.monotonicMs();
    const freeMs = this.freeAtMs(nowMs);
    let soonest: { row?: OutboxRow; bridge?: Bridge; atMs: number } = { atMs: Number.POSITIVE_INFINITY };
    for (const row of this.rows.inState("waiting")) {
      const bridge = this.bridgeFor(row.uri);
      if (bridge === undefined) continue;
      const mineMs = Math.max(this.notBeforeMs.get(row.id) ?? 0, this.turnMs.get(row.id) ?? 0);
      const atMs = Math.max(freeMs, mineMs, this.pauses.get(bridge)?.untilMs ?? 0);
      if (atMs <= nowMs) return { row, bridge, atMs };
      if (atMs < soonest.atMs) soonest = { row, bridge, atMs };
    }
    return soonest;
  }

  /** When the next attempt may be, by what the last hour had. */
  private freeAtMs(nowMs: number): number {
    const { perHour = 200 } = this.options;
    this.attemptsMs = this.attemptsMs.filter((atMs) => atMs > nowMs - HOUR_MS);
    return this.attemptsMs.length < perHour ? nowMs : (this.attemptsMs[0] ?? nowMs) + HOUR_MS;
  }

  private bridgeFor(uri: string): Bridge | undefined {
    const scheme = uri.slice(0, uri.indexOf(":"));
    return this.options.bridges.find(({ schemes }) => schemes.includes(scheme));
  }

  private async send(row: OutboxRow, bridge: Bridge): Promise<void> {
    const { custody, isSent, timers, log } = this.options;
    const held = custody.get(row.id);
    if (held === undefined) return await this.drop(row.id);
    if (isSent(row.id)) return await this.sentElsewhere(row.id);
    await this.rows.update({ ...row, state: "sending" });
    this.attemptsMs.push(timers.monotonicMs());
    const item = { id: row.id, bundle: held.bundle, uri: row.uri, ageMs: held.ageMs };
    const outcome = await bridge.send(item, this.abort.signal).catch((error): BridgeOutcome => {
      log.error({ error }, `outbox: ${bridge.name}`);
      return { retryAfterMs: 0, of: "item", why: String(error) };
    });
    if (outcome === "sent") {
      this.pauses.delete(bridge);
      await this.tell({ ...row, tries: row.tries + 1 });
    } else if ("failed" in outcome) {
      log.warn({ id: row.id, why: outcome.failed }, "outbox: not sent, and not tried again");
      await this.rows.update({ ...row, state: "failed", tries: row.tries + 1, detail: outcome.failed });
    } else await this.postpone(row, bridge, outcome);
  }

  private async tell(row: OutboxRow): Promise<void> {
    await this.rows.update({ ...row, state: "sent", detail: UNTOLD });
    try {
      await this.options.sent(row.id);
      await this.rows.update({ ...row, state: "sent", detail: "" });
    } catch (error) {
      this.failed(error);
    }
  }

  private async postpone(
    row: OutboxRow,
    bridge: Bridge,
    { retryAfterMs, of, why }: Exclude<BridgeOutcome, "sent" | { failed: string }>,
  ): Promise<void> {
    const nowMs = this.options.timers.monotonicMs();
    const failures = (of === "item" ? row.tries : (this.pauses.get(bridge)?.failures ?? 0)) + 1;
    const untilMs = nowMs + Math.max(retryAfterMs, this.waitMs(failures));
    if (of === "item") this.notBeforeMs.set(row.id, untilMs);
    else this.pauses.set(bridge, { untilMs, failures });
    const tries = of === "item" ? failures : row.tries;
    await this.rows.update({ ...row, state: "waiting", tries, detail: why });
  }

  private waitMs(failures: number): number {
    const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 10));
    return waitMs * (1 + SPREAD * this.options.random());
  }

  private readonly failed = (error: unknown): void => this.options.log.error({ error }, "outbox");
}
