import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig, type MeshConfig } from "../../../src/config/index.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { systemTimers } from "../../../src/host/timers.ts";
import { Memberships, openDeviceKey } from "../../../src/identity/index.ts";
import { MESH_SOCKET, MeshPart, type MeshPartOptions } from "../../../src/mesh/index.ts";
import { capturedLog } from "../captured-log.ts";

const ports = { next: 22_000 + (process.pid % 50) * 100 };

/** A first port of which the next hundred or so belong to nobody else in this process. */
export function freshPorts(): number {
  ports.next += 4;
  return ports.next;
}

export interface MeshBoxOptions {
  port?: number;
  name?: string;
  config?: Partial<MeshConfig>;
  part?: Partial<MeshPartOptions>;
}

/** One box's mesh within this process, on loopback alone; asked over its socket. */
export function meshBox(folder: string, { port, name = "quay", config, part }: MeshBoxOptions = {}) {
  const runFolder = join(folder, "run");
  mkdirSync(runFolder, { recursive: true });
  const { log, lines } = capturedLog();
  const memberships = new Memberships(folder, openDeviceKey(folder), systemClock, () => {}, {
    scryptWorkFactor: 10,
  }).open();
  const journal: string[] = [];
  const mesh = new MeshPart({
    config: { ...defaultConfig().mesh, port: port ?? freshPorts(), ...config },
    boxName: name,
    exclude: [],
    memberships,
    stateFolder: folder,
    runFolder,
    loopback: true,
    forbidden: [],
    mayTunnel: false,
    traffic: undefined,
    links: [],
    uplinks: undefined,
    lora: undefined,
    services: () => [],
    capability: () => undefined,
    timers: systemTimers,
    random: Math.random,
    randomBytes,
    journal: { append: async (_part, kind, subject = "") => void journal.push(`${kind} ${subject}`) },
    log,
    ...part,
  });
  const socket = join(runFolder, MESH_SOCKET);
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`http://box${path}`, {
      unix: socket,
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${response.status}: ${(answer as { error: string }).error}`);
    return answer as T;
  };
  return { mesh, memberships, ask, socket, lines, journal, folder };
}

export type MeshBox = ReturnType<typeof meshBox>;
