import type { Config } from "../config/index.ts";
import { type OnlineAnswer, PROBE_FAMILIES, type ProbeFamily } from "./probe-families.ts";
import type { SessionState } from "./session.ts";

/** A request that some family's detection makes. */
export interface RecognisedProbe {
  family: ProbeFamily;
  /** Undefined where the family opens a page for its user rather than probing. */
  online: OnlineAnswer | undefined;
}

/** What a recognised request gets. */
export type ProbeAnswer =
  | { kind: "portal"; how: "redirect" | "refresh" }
  | { kind: "online"; answer: OnlineAnswer }
  | { kind: "offline" };

/** What a probe's answer depends on. */
export interface DetectionView {
  state: SessionState;
  /** The phone has come back under an old lease and has not met the portal since. */
  armed: boolean;
  /** The operator lets phones believe that they are online, with things as they are. */
  toldOnline: boolean;
}

const byHostAndPath = new Map<string, RecognisedProbe>();
for (const family of PROBE_FAMILIES) {
  for (const probe of family.probes) {
    for (const host of probe.hosts) {
      for (const path of probe.paths) byHostAndPath.set(host + path, { family, online: probe.online });
      for (const path of family.opens ?? []) byHostAndPath.set(host + path, { family, online: undefined });
    }
  }
}

/**
 * The probe that a request is, if it is one.
 * @param host the Host header, in any case, with or without a port
 * @param path the path without its query
 */
export function recogniseProbe(host: string, path: string): RecognisedProbe | undefined {
  return byHostAndPath.get(host.toLowerCase().replace(/\.?(:\d+)?$/, "") + path);
}

/** The next step of a family's detection: a pure function of where the session stands. */
export function answerProbe({ family, online }: RecognisedProbe, view: DetectionView): ProbeAnswer {
  const caught = { kind: "portal", how: family.caught } as const;
  if (view.state !== "released" || online === undefined) return caught;
  if (!view.toldOnline) return family.offline === "portal" ? caught : { kind: "offline" };
  return view.armed && family.rearms ? caught : { kind: "online", answer: online };
}

/** Whether a guest who has agreed is told that it is online: the operator's choice for a box with, or without, a way out. */
export function isToldOnline(online: Config["gateway"]["online"], uplinkUp: boolean): boolean {
  return uplinkUp ? online.with_uplink : online.without_uplink;
}
