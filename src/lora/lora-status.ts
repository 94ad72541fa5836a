import { addressText, type LinkAddress } from "./link/index.ts";
import type { CaseState, LoraCase } from "./lora-case.ts";
import type { Position, RadioNode } from "./radio.ts";

const MAX_NODES_SHOWN = 100;

/** A LoRa case as an operator sees it. */
export interface CaseStatus {
  key: string;
  /** The key as people read it: a line's path, or what USB tells. */
  name: string;
  state: CaseState;
  reason: string;
  /** `RNode 1.86`; undefined while it is not known. */
  firmware: string | undefined;
  channel: string | undefined;
  batteryPercent: number | undefined;
  position: Position | undefined;
  /** Other nodes that the firmware itself knows, the last heard first. */
  nodes: RadioNode[];
  /** Messages on their way. */
  waiting: number;
  /** What it has used of each limit of its sub-band. */
  airtime: { subBand: string; windowSeconds: number; usedMs: number; allowedMs: number }[];
  /** Other boxes that it has heard, the last first. */
  heard: {
    address: string;
    secondsAgo: number;
    snrDb: number | undefined;
    lossPercent: number | undefined;
  }[];
}

export interface LoraStatus {
  /** This box's own address on the link. */
  address: string;
  cases: CaseStatus[];
}

export function loraStatus(address: LinkAddress, cases: readonly LoraCase[], nowMs: number): LoraStatus {
  return { address: addressText(address), cases: cases.map((one) => caseStatus(one, nowMs)) };
}

/** A case's key as people read it. */
export const nameOf = (key: string): string => key.replace(/^line:/, "");

function caseStatus(
  { key, state, reason, radioStatus, nodes, link, airtime }: LoraCase,
  nowMs: number,
): CaseStatus {
  return {
    key,
    name: nameOf(key),
    state,
    reason,
    firmware: radioStatus?.firmware,
    channel: radioStatus && channelText(radioStatus.channel),
    batteryPercent: radioStatus?.batteryPercent,
    position: radioStatus?.position,
    nodes: nodes
      .toSorted((a, b) => (a.heardSecondsAgo ?? Infinity) - (b.heardSecondsAgo ?? Infinity))
      .slice(0, MAX_NODES_SHOWN),
    waiting: link.waiting,
    airtime: (airtime?.subBand.limits ?? []).map(({ windowMs, airtimeMs }, index) => ({
      subBand: airtime?.subBand.name ?? "",
      windowSeconds: windowMs / 1000,
      usedMs: Math.round(airtime?.usedMs[index] ?? 0),
      allowedMs: airtimeMs,
    })),
    heard: link.neighbours
      .all()
      .flatMap(({ address, heardAtMs, snrDb, lossShare }) =>
        heardAtMs === undefined
          ? []
          : [
              {
                address: addressText(address),
                secondsAgo: Math.round((nowMs - heardAtMs) / 1000),
                snrDb,
                lossPercent: lossShare === undefined ? undefined : Math.round(lossShare * 100),
              },
            ],
      )
      .sort((a, b) => a.secondsAgo - b.secondsAgo),
  };
}

function channelText({
  frequencyHz,
  modulation,
  powerDbm,
  name,
}: NonNullable<LoraCase["radioStatus"]>["channel"]): string {
  const parts = [
    name,
    frequencyHz === undefined ? undefined : `${frequencyHz / 1e6} MHz`,
    modulation &&
      `SF${modulation.spreadingFactor}, ${modulation.bandwidthHz / 1000} kHz, 4/${modulation.codingRate}`,
    powerDbm === undefined ? undefined : `${powerDbm} dBm`,
  ];
  return parts.filter((part) => part !== undefined && part !== "").join(", ");
}
