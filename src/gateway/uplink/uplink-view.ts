import type { UplinkKind } from "./uplink-device.ts";
import type { UplinkEntry } from "./uplink-entry.ts";
import { lossOf, medianMs, type UplinkState } from "./uplink-health.ts";

/** One way to the internet, for the operator. */
export interface UplinkView {
  interface: string;
  kind: UplinkKind | "unknown";
  state: UplinkState;
  /** How long it has been so. */
  seconds: number;
  inUse: boolean;
  metered: boolean;
  priority: number;
  weight: number;
  /** The median of the last checks that reached something. */
  rttMs: number | undefined;
  /** Of the last ten checks. */
  lossPercent: number;
  /** Where the page of a captive uplink is, as it said by itself or by DHCP. */
  portalUrl: string | undefined;
}

export const uplinkView = (
  { known, health, notes }: UplinkEntry,
  inUse: boolean,
  atMs: number,
): UplinkView => ({
  ...known,
  kind: known.kind ?? "unknown",
  state: health.state,
  seconds: Math.floor((atMs - health.sinceMs) / 1_000),
  inUse,
  rttMs: medianMs(health.rtts),
  lossPercent: Math.round(100 * lossOf(health.recent)),
  portalUrl: health.state === "captive" ? (notes.portalUrl ?? health.portalUrl) : undefined,
});
