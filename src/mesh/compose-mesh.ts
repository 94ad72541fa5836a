import type { Config } from "../config/index.ts";
import { guestPriorities } from "../gateway/index.ts";
import type { Part } from "../host/part.ts";
import { tryRun } from "../host/run.ts";
import { MeshPart, type MeshPartOptions, UPLINK_IDLE_S } from "./mesh-part.ts";
import { knownLinks, spreadUplinks } from "./traffic/known-links.ts";
import { clearLeftovers } from "./traffic/leftovers.ts";
import { Traffic } from "./traffic/traffic.ts";
import { uplinkLook } from "./traffic/uplink-finder.ts";
import { Uplinks } from "./traffic/uplinks.ts";

/** What a network takes is told once it runs. */
const NO_PORTS = { control: [], messages: [], bulk: [] };

export interface ComposeMeshOptions
  extends Omit<
    MeshPartOptions,
    "config" | "boxName" | "exclude" | "traffic" | "links" | "uplinks" | "loopback" | "mayTunnel"
  > {
  config: Config;
  /** This is root on the board; elsewhere everything stays on loopback, and the machine as it is. */
  onBoard: boolean;
}

export interface ComposedMesh {
  mesh: MeshPart;
  /** It and what it shares the machine's links with, in the order in which they start. */
  parts: readonly Part[];
  /** Removes what a killed box has left of parts that this one does not have. @throws {RunError} when the kernel refuses */
  clearLeftovers(): Promise<void>;
}

/**
 * Whether who goes first on every link is the mesh's business, the guests' uplink among them, and which uplinks are
 * used together then.
 */
export function sharedLinks({ mesh }: Config, onBoard: boolean) {
  const sharesLinks = onBoard && mesh.enabled;
  return { sharesLinks, spread: sharesLinks ? spreadUplinks(mesh.traffic) : [] };
}

/** The mesh with those that keep the links in order for it. */
export function composeMesh({ config, onBoard, ...options }: ComposeMeshOptions): ComposedMesh {
  const { timers, log, runFolder } = options;
  const { sharesLinks, spread } = sharedLinks(config, onBoard);
  const traffic = sharesLinks
    ? new Traffic({
        shares: config.mesh.traffic.shares,
        prefer: config.mesh.traffic.queueing,
        ports: NO_PORTS,
        guestBridge: config.gateway.bridge,
        vmInterfaces: [],
        timers,
        log,
        run: tryRun,
      })
    : undefined;
  const uplinks =
    spread.length > 0
      ? new Uplinks({
          pins: { ports: NO_PORTS, tunnelPorts: [], vmInterfaces: [], idleSeconds: UPLINK_IDLE_S },
          timers,
          log,
          run: tryRun,
          runFolder,
          look: uplinkLook(spread, config.mesh.metered, tryRun),
        })
      : undefined;
  const mesh = new MeshPart({
    ...options,
    config: config.mesh,
    boxName: config.box.name,
    exclude: [config.gateway.bridge, ...config.gateway.interfaces],
    traffic,
    links: knownLinks(config, guestPriorities()),
    uplinks,
    loopback: !onBoard,
    mayTunnel: onBoard,
  });
  return {
    mesh,
    parts: [...(traffic ? [traffic] : []), ...(uplinks ? [uplinks] : []), mesh],
    async clearLeftovers() {
      const unwanted = { traffic: traffic === undefined, uplinks: uplinks === undefined };
      if (onBoard) await clearLeftovers(tryRun, unwanted, runFolder);
    },
  };
}
