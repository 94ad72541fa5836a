import { z } from "zod";
import { askByDevice, tryDevice } from "../../host/device-socket.ts";
import { type HostInterface, readInterfaces } from "../../host/interfaces.ts";
import { LinkMonitor } from "../../host/link-monitor.ts";
import type { Logger } from "../../host/log.ts";
import { tryRun } from "../../host/run.ts";
import type { Timers } from "../../host/timers.ts";
import { type CheckRequest, checkUplink } from "./check-uplink.ts";
import { type LinkNotes, linkNotes } from "./link-resolvers.ts";
import { type UplinkKind, uplinkKind } from "./uplink-device.ts";
import type { CheckResult } from "./uplink-health.ts";

/** What the kernel, the network and the machine are asked; each can be replaced in tests. */
export interface UplinkSenses {
  interfaces(): Promise<readonly HostInterface[]>;
  kindOf(name: string): UplinkKind | undefined;
  notesOf(index: number): LinkNotes;
  /** @throws where this machine cannot look at all, which says nothing of the uplink */
  check(request: CheckRequest): Promise<CheckResult>;
  isRouterSilent(device: string, routers: readonly string[]): Promise<boolean>;
  /** Tells at once of an interface that came, went or changed. */
  monitor(changed: () => void): Pick<LinkMonitor, "start" | "stop">;
}

/**
 * The real senses.
 * @param randomId 16 bits that nobody can guess
 * @param runFolder one that nothing else has, for the id of a process
 */
export function uplinkSenses(
  timers: Timers,
  randomId: () => number,
  runFolder: string,
  log: Logger,
): UplinkSenses {
  const means = { ask: askByDevice, randomId, timers };
  return {
    interfaces: readInterfaces,
    kindOf: (name) => uplinkKind(name),
    notesOf: (index) => linkNotes(index),
    check: async (request) => {
      tryDevice(request.device);
      return checkUplink(request, means);
    },
    isRouterSilent,
    monitor: (changed) => new LinkMonitor(runFolder, log, changed),
  };
}

const neighbours = z.array(z.object({ dst: z.string(), state: z.array(z.string()).default([]) }));

/** What the kernel found out when the check's packets were to be sent there (RFC 4861 section 7.3, ARP alike). */
async function isRouterSilent(device: string, routers: readonly string[]): Promise<boolean> {
  if (routers.length === 0) return false;
  const { stdout } = await tryRun(["ip", "-j", "neigh", "show", "dev", device]);
  const states = parsedNeighbours(stdout);
  const isDead = (router: string) =>
    states.some(({ dst, state }) => dst === router && ["FAILED", "INCOMPLETE"].includes(state[0] ?? ""));
  return routers.every(isDead);
}

function parsedNeighbours(json: string): z.output<typeof neighbours> {
  try {
    return neighbours.parse(json.trim() === "" ? [] : JSON.parse(json));
  } catch {
    // The interface has just gone, or this is an older iproute2: then nothing is known of the router.
    return [];
  }
}
