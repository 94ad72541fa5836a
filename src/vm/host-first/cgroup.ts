import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Controller,
  type ControllerPlaces,
  controllerPlaces,
  parseMounts,
} from "./controller-places.ts";
import {
  type GroupAim,
  type GroupLimits,
  type GroupWay,
  isInForce,
  planGroup,
  VMS_GROUP,
} from "./group-plan.ts";

/** The group of the virtual machines cannot be made or used. */
export class CgroupError extends Error {
  override readonly name = "CgroupError";
}

/** For processes that are no virtual machines. */
const HELPERS = "helpers";

/** What holds of one aim after {@link VmsGroup.apply}. */
export interface AimInForce {
  aim: GroupAim["aim"];
  /** What the kernel says it keeps to; undefined: nothing of what was wanted. */
  means: string | undefined;
  /** Why not, or why not the best way; one entry a way that did not work. */
  refused: readonly string[];
}

/** This machine's hierarchies of control groups. */
export function readControllerPlaces(): ControllerPlaces {
  return controllerPlaces(parseMounts(readFileSync("/proc/self/mountinfo", "utf8")), (mount) => {
    const path = join(mount, "cgroup.controllers");
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  });
}

/** One control group in all hierarchies that matter, for all virtual machines together: the box's own work goes before it. */
export class VmsGroup {
  constructor(
    private readonly places: ControllerPlaces = readControllerPlaces(),
    readonly name: string = VMS_GROUP,
  ) {
    if (!/^[a-z0-9][a-z0-9.-]{0,63}$/.test(name))
      throw new CgroupError(`${name} is no name for a control group`);
  }

  /** The group's folder where this controller is; undefined where there is no such controller. */
  folder(controller: Controller): string | undefined {
    const place = this.places.get(controller);
    return place && join(place.mount, this.name);
  }

  /**
   * Makes the group where it is not there and asks for the limits, each read back. May be called again at any time, and
   * with other limits; what is already so is not written.
   * @returns what is in force, not what was asked for
   * @throws {CgroupError} when there is no group at all to put a virtual machine into
   */
  apply(limits: GroupLimits): AimInForce[] {
    if (this.places.size === 0) throw new CgroupError("this machine has no control groups");
    const handedDown = this.handDown();
    for (const folder of this.folders()) makeFolder(folder);
    this.inheritCpuset();
    return planGroup(this.places, limits).map((aim) => this.pursue(aim, handedDown.get(aim.controller)));
  }

  /** Puts a process into the group, in all hierarchies: what serves virtual machines outside of libvirt. */
  join(pid: number): void {
    for (const [mount, version] of new Map(
      [...this.places.values()].map((place) => [place.mount, place.version]),
    )) {
      // In version 2 a group that hands controllers down can have no processes (cgroup-v2.rst, "No Internal Process Constraint").
      const folder = version === 1 ? join(mount, this.name) : join(mount, this.name, HELPERS);
      if (version === 2) makeFolder(folder);
      writeFileSync(join(folder, "cgroup.procs"), String(pid));
    }
  }

  /** The processes in it and in all groups beneath. */
  processes(): number[] {
    const found = new Set<number>();
    for (const folder of this.folders()) collectProcesses(folder, found);
    return [...found].sort((a, b) => a - b);
  }

  /**
   * Takes the group away, with empty groups beneath.
   * @throws {CgroupError} while a process is in it
   */
  remove(): void {
    for (const folder of this.folders()) {
      if (!existsSync(folder)) continue;
      try {
        removeTree(folder);
      } catch (error) {
        throw new CgroupError(
          `${folder} cannot be removed: ${error instanceof Error ? error.message : error}`,
        );
      }
    }
  }

  /** Each once: several controllers may share a hierarchy. */
  private folders(): string[] {
    return [...new Set([...this.places.values()].map(({ mount }) => join(mount, this.name)))];
  }

  /**
   * In version 2 a group has a controller only if its parent hands it down (cgroup-v2.rst, "Enabling and Disabling").
   * @returns for those that the kernel refused: why
   */
  private handDown(): Map<Controller, string> {
    const refused = new Map<Controller, string>();
    for (const [controller, { version, mount }] of this.places) {
      if (version === 1 || controller === "unified") continue;
      const file = join(mount, "cgroup.subtree_control");
      if (readFileSync(file, "utf8").trim().split(/\s+/).includes(controller)) continue;
      try {
        writeFileSync(file, `+${controller}`);
      } catch (error) {
        refused.set(controller, `${controller} is not handed down: ${codeOf(error)}`);
      }
    }
    return refused;
  }

  /** In version 1 nothing can run in a group until it was told where (cpusets.rst, 1.1). */
  private inheritCpuset(): void {
    const place = this.places.get("cpuset");
    if (place?.version !== 1) return;
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      const own = join(place.mount, this.name, file);
      if (readFileSync(own, "utf8").trim() === "")
        writeFileSync(own, readFileSync(join(place.mount, file), "utf8"));
    }
  }

  private pursue({ aim, controller, ways }: GroupAim, notHandedDown: string | undefined): AimInForce {
    const folder = this.folder(controller);
    if (!folder)
      return { aim, means: undefined, refused: [`this kernel has no controller for ${controller}`] };
    if (notHandedDown) return { aim, means: undefined, refused: [notHandedDown] };
    if (ways.length === 0)
      return { aim, means: undefined, refused: ["control groups of version 1 cannot do that"] };
    const refused: string[] = [];
    for (const way of ways) {
      const problem = attempt(join(folder, way.file), way);
      if (problem === undefined) return { aim, means: way.means, refused };
      refused.push(`${way.file}: ${problem}`);
    }
    return { aim, means: undefined, refused };
  }
}

/** @returns why the kernel does not keep to it; undefined when it does */
function attempt(path: string, way: GroupWay): string | undefined {
  try {
    if (isInForce(way, readFileSync(path, "utf8"))) return undefined;
    writeFileSync(path, way.value);
    const read = readFileSync(path, "utf8");
    return isInForce(way, read) ? undefined : `${way.value} was written and ${read.trim()} is read`;
  } catch (error) {
    return codeOf(error) === "ENOENT" ? "this kernel does not have it" : codeOf(error);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw new CgroupError(`${path} cannot be made: ${codeOf(error)}`);
  }
}

function collectProcesses(folder: string, found: Set<number>): void {
  if (!existsSync(folder)) return;
  try {
    for (const line of readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n")) {
      if (line !== "") found.add(Number(line));
    }
    for (const inner of foldersIn(folder)) collectProcesses(inner, found);
  } catch (error) {
    // A group of a lease that ended meanwhile.
    if (!["ENOENT", "ENODEV"].includes(codeOf(error))) throw error;
  }
}

/** A group's own files go with it; only groups beneath have to go first. */
function removeTree(folder: string): void {
  for (const inner of foldersIn(folder)) removeTree(inner);
  rmdirSync(folder);
}

const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name));

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);
