import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Memberships, openDeviceKey } from "../../src/identity/index.ts";
import { MeshPart, type MeshPartOptions } from "../../src/mesh/index.ts";

/** What {@link openMesh} leaves to a box of a lab. */
type Differing = Partial<Pick<MeshPartOptions, "mayTunnel" | "capability">>;

/**
 * The mesh of a box that is a process of its own, without the rest of the box.
 * @param args as `MeshBox` starts a process: its folder, its name, and what its mesh's configuration has otherwise, as JSON
 */
export function openMesh(args: readonly string[], differing: Differing = {}) {
  const [folder = "", boxName = "", overrides = "{}"] = args;
  mkdirSync(`${folder}/run`, { recursive: true });
  const log = createLog({ level: process.env.MESH_LOG === "debug" ? "debug" : "info", human: false });
  const told = (message: string) => log.error(message);
  const memberships = new Memberships(folder, openDeviceKey(folder, told), systemClock, told).open();
  const mesh = new MeshPart({
    config: { ...defaultConfig().mesh, ...(JSON.parse(overrides) as object) },
    boxName,
    memberships,
    stateFolder: folder,
    runFolder: `${folder}/run`,
    ...{ exclude: [], loopback: false, forbidden: [], traffic: undefined, links: [], uplinks: undefined },
    ...{ mayTunnel: true, lora: undefined, services: () => [], capability: () => undefined },
    timers: systemTimers,
    random: Math.random,
    randomBytes,
    journal: { append: async () => {} },
    log,
    ...differing,
  });
  return { folder, log, memberships, mesh };
}
