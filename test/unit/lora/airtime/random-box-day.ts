import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Timers } from "../../../../src/host/timers.ts";
import { AirtimeLedger } from "../../../../src/lora/airtime/airtime-ledger.ts";
import { onOneClock } from "../../../../src/lora/airtime/ledger-store.ts";
import { PacedCarrier } from "../../../../src/lora/airtime/paced-carrier.ts";
import { type SubBand, subBandOf } from "../../../../src/lora/airtime/regions.ts";
import { timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import type { Priority } from "../../../../src/lora/priority.ts";
import type { Fate, Outgoing } from "../../../../src/lora/radio.ts";
import { CHANNEL } from "./fake-radio.ts";
import { ManagedRadio } from "./managed-radio.ts";
import type { Seen } from "./rolling-window.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const SUB_BAND: SubBand = subBandOf("EU868", CHANNEL);
export const LIMIT_MS = 360_000;
/** The ledger counts on a frame that has left half a minute after a daemon began anew. */
const LONGEST_HELD_MS = 30_000;
const OVERHEAD_BYTES = 22;

const LOST: Fate = { state: "failed", reason: "radio-gone", detail: "the firmware was restarted" };

/** On the air, as somebody with a stopwatch sees it. */
export interface OnAir extends Seen {
  /** When the box handed it over; undefined: the firmware sent it of its own accord. */
  handedAtMs: number | undefined;
}

/** A node with firmware of its own, which outlives the line to it and the daemon. */
class Node {
  onAir: OnAir[] = [];
  starts = 1;
  private countsFromMs = 0;

  constructor(
    readonly self: string,
    private readonly time: VirtualTime,
  ) {}

  /** Its own count of the last hour, 0 to 1: of what has left since it began to count. */
  get share(): number {
    const nowMs = this.time.monotonicMs();
    const fromMs = Math.max(this.countsFromMs, nowMs - HOUR_MS);
    let sum = 0;
    for (const { startMs, endMs } of this.onAir.slice(-2_000)) {
      if (endMs <= nowMs) sum += Math.max(0, endMs - Math.max(startMs, fromMs));
    }
    return sum / HOUR_MS;
  }

  /** @returns when it will have left */
  sends(airtimeMs: number, heldMs: number, handedAtMs: number | undefined): number {
    const nowMs = this.time.monotonicMs();
    const startMs = Math.max(nowMs + heldMs, this.onAir.at(-1)?.endMs ?? 0);
    this.onAir.push({ startMs, endMs: startMs + airtimeMs, handedAtMs });
    return startMs + airtimeMs;
  }

  /** It forgets what it held and what it has sent. */
  restart(): void {
    const nowMs = this.time.monotonicMs();
    this.starts += 1;
    this.onAir = this.onAir.filter(({ startMs }) => startMs <= nowMs);
    const last = this.onAir.at(-1);
    if (last) last.endMs = Math.min(last.endMs, nowMs);
    this.countsFromMs = nowMs;
  }
}

/** The line to a node. */
class NodeRadio extends ManagedRadio {
  constructor(
    private readonly node: Node,
    private readonly clock: Timers,
    private readonly holdsMs: () => number,
  ) {
    super(clock, holdsMs);
    this.self = node.self;
    this.airtimeShare = node.share;
  }

  override send({ payload }: Outgoing, told: (fate: Fate) => void): void {
    const airtimeMs = timeOnAirMs(CHANNEL.modulation, payload.length + OVERHEAD_BYTES);
    const nowMs = this.clock.monotonicMs();
    const endMs = this.node.sends(airtimeMs, Math.min(this.holdsMs(), LONGEST_HELD_MS - airtimeMs), nowMs);
    const { starts } = this.node;
    this.clock.after(endMs - nowMs, () => told(this.node.starts === starts ? { state: "on-air" } : LOST));
  }

  /** Tells its count now. */
  report(): void {
    this.reports(this.node.share);
  }
}

export interface BoxDayOptions {
  /** 0 ≤ x < 1. */
  random: () => number;
  radios: 1 | 2;
  /** Chances in each step of some seconds. */
  nodeRestartChance: number;
  daemonRestartChance: number;
  rebootChance: number;
  relayChance: number;
  /** The ledger's file is torn once. */
  isTorn: boolean;
  /** As a check that the days find what they look for: no firmware's count is heard. */
  isDeafToCounts?: boolean;
}

/**
 * A day of a box with managed radios in one sub-band, each of which holds frames, repeats for others and tells its count
 * after that, and begins anew at any moment, on the same line or a new one; of a daemon that is killed, and a box that
 * loses its power. What was really on the air is written down apart.
 */
export function randomBoxDay(options: BoxDayOptions): { onAir: OnAir[]; ends: number } {
  const { random } = options;
  const time = new VirtualTime();
  const nodes = Array.from({ length: options.radios }, (_, index) => new Node(`!${index}`, time));
  const medium: { boot: string; at_ms: number; airtime_ms: number }[] = [];
  const heldMs = () => (random() < 0.1 ? random() * LONGEST_HELD_MS : 0);
  let lines: { node: Node; radio: NodeRadio; carrier: PacedCarrier }[] = [];
  let ledger: AirtimeLedger;
  let boot = "boot 0";
  let ends = 0;

  const startDaemon = () => {
    const nowMs = time.monotonicMs();
    ledger = new AirtimeLedger({
      subBand: SUB_BAND,
      nowMs,
      earlier: onOneClock(medium, boot, nowMs).map((row) => ({
        subBand: SUB_BAND.name,
        atMs: row.at_ms,
        airtimeMs: row.airtime_ms,
        isOfEarlierBoot: row.boot !== boot,
      })),
      reserve: ({ airtimeMs }, kept) => {
        medium.push({ boot, at_ms: Math.floor(time.monotonicMs()), airtime_ms: Math.ceil(airtimeMs) });
        kept();
      },
    });
    lines = nodes.map(lineTo);
  };
  const lineTo = (node: Node) => {
    const radio = new NodeRadio(node, time, heldMs);
    if (options.isDeafToCounts) radio.airtimeShare = undefined;
    return {
      node,
      radio,
      carrier: new PacedCarrier({ radio, channel: CHANNEL, ledger, timers: time, random }),
    };
  };
  const endDaemon = () => {
    ends += 1;
    for (const { carrier } of lines) carrier.close();
  };
  startDaemon();

  const tornAtMs = options.isTorn ? (0.2 + 0.6 * random()) * DAY_MS : Number.POSITIVE_INFINITY;
  let isTorn = false;
  let isBusy = true;
  while (time.monotonicMs() < DAY_MS) {
    time.advance(500 + random() * 8_000);
    const closed = new Set<PacedCarrier>();
    if (random() < 0.003) isBusy = !isBusy;
    for (const { node, radio, carrier } of lines) {
      const sends = (priority: Priority) =>
        void carrier.send(new Uint8Array(1 + Math.floor(random() * 200)), priority, () => {});
      while (isBusy && carrier.waiting < 3) sends("room");
      if (isBusy && carrier.waiting < 6 && random() < 0.3) sends("sos");
      // As Meshtastic does, every minute.
      if (random() < 0.08 && !options.isDeafToCounts) radio.report();
      if (random() < options.relayChance) {
        const endMs = node.sends(500 + random() * 2_000, 0, undefined);
        time.after(endMs - time.monotonicMs(), () => {
          if (!options.isDeafToCounts) lines.find((line) => line.node === node)?.radio.report();
        });
      }
      if (random() < options.nodeRestartChance) {
        ends += 1;
        node.restart();
        if (random() < 0.5) {
          carrier.close();
          closed.add(carrier);
        } else if (!options.isDeafToCounts) radio.report();
      }
    }
    lines = lines.map((line) => (closed.has(line.carrier) ? lineTo(line.node) : line));
    const fate = random();
    if (!isTorn && time.monotonicMs() > tornAtMs) {
      isTorn = true;
      endDaemon();
      medium.splice(0, medium.length, {
        boot,
        at_ms: Math.floor(time.monotonicMs()),
        airtime_ms: LIMIT_MS * 0.8,
      });
      startDaemon();
    } else if (fate < options.daemonRestartChance) {
      endDaemon();
      time.advance(random() * 3_000);
      startDaemon();
    } else if (fate < options.daemonRestartChance + options.rebootChance) {
      endDaemon();
      for (const node of nodes) node.restart();
      time.advance(5_000 + random() * 20_000);
      boot = `boot ${ends}`;
      startDaemon();
    }
  }
  for (const { carrier } of lines) carrier.close();
  return { onAir: nodes.flatMap(({ onAir }) => onAir), ends };
}

/**
 * How full, of the law's limit, was the fullest hour that ended with a frame from the box: with all that the box handed
 * over, and with what firmware had sent of its own accord before the frame was handed over. What firmware sends after
 * that nobody can know.
 */
export function fullestHour(onAir: readonly OnAir[]): number {
  const sorted = onAir.toSorted((a, b) => a.startMs - b.startMs);
  let most = 0;
  let first = 0;
  for (const { endMs, handedAtMs } of sorted) {
    if (handedAtMs === undefined) continue;
    const fromMs = endMs - HOUR_MS;
    // None is longer than a minute.
    while ((sorted[first]?.startMs ?? fromMs) < fromMs - 120_000) first += 1;
    let sum = 0;
    for (let index = first; index < sorted.length; index += 1) {
      const other = sorted[index];
      if (!other || other.startMs >= endMs) break;
      if (other.handedAtMs === undefined && other.endMs > handedAtMs) continue;
      sum += Math.max(0, Math.min(other.endMs, endMs) - Math.max(other.startMs, fromMs));
    }
    most = Math.max(most, sum);
  }
  return most / LIMIT_MS;
}
