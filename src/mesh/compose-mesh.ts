import type { Config } from "../config/index.ts";
import { guestPriorities, type UplinkWatch } from "../gateway/index.ts";
import type { Part } from "../host/part.ts";
import { tryRun } from "../host/run.ts";
import { MeshPart, type MeshPartOptions, UPLINK_IDLE_S } from "./mesh-part.ts";
import { sharesLinks } from "./shares-links.ts";
import { knownLinks } from "./traffic/known-links.ts";
import { Traffic } from "./traffic/traffic.ts";
import { uplinkLook, uplinksInUse } from "./traffic/uplink-finder.ts";
import { Uplinks } from "./traffic/uplinks.ts";

/** What a network takes is told once it runs. */
const NO_PORTS = { control: [], messages: [], bulk: [] };

export interface ComposeMeshOptions
  extends Omit<
    MeshPartOptions,
    | ("config" | "boxName" | "exclude" | "traffic" | "links" | "uplinks")
    | ("loopback" | "mayTunnel" | "isMetered")
  > {
  config: Config;
  /** Knows which ways to the internet there are; undefined where the machine is left as it is. */
  ways: UplinkWatch | undefined;
  /** This is root on the board; elsewhere everything stays on loopback, and the machine as it is. */
  onBoard: boolean;
}

export interface ComposedMesh {
  mesh: MeshPart;
  /** It and what it shares the machine's links with, in the order in which they start. */
  parts: readonly Part[];
}

/** The mesh with those that keep the links in order for it. */
export function composeMesh({ config, onBoard, ways, ...options }: ComposeMeshOptions): ComposedMesh {
  const { timers, log, runFolder } = options;
  const traffic = sharesLinks(config, onBoard)
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
    ways === undefined
      ? undefined
      : new Uplinks({
          pins: { ports: NO_PORTS, tunnelPorts: [], vmInterfaces: [], idleSeconds: UPLINK_IDLE_S },
          timers,
          log,
          run: tryRun,
          runFolder,
          look: uplinksInUse(
            uplinkLook(
              () => ways.known(),
              (name) => ways.isMetered(name),
              tryRun,
            ),
            () => ways.inUse(),
          ),
          onChange: (listener) => ways.onChange(listener),
        });
  const mesh = new MeshPart({
    ...options,
    config: config.mesh,
    boxName: config.box.name,
    exclude: [config.gateway.bridge, ...config.gateway.interfaces],
    traffic,
    links: knownLinks(config, guestPriorities()),
    uplinks,
    ...(ways ? { isMetered: (name: string) => ways.isMetered(name) } : {}),
    loopback: !onBoard,
    mayTunnel: onBoard,
  });
  return {
    mesh,
    parts: [...(traffic ? [traffic] : []), ...(uplinks ? [uplinks] : []), mesh],
  };
}
