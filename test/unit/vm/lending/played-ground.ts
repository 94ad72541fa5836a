import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../../src/host/clock.ts";
import { createLog } from "../../../../src/host/log.ts";
import { GuestAgentError } from "../../../../src/vm/guest-agent/index.ts";
import { Lender, type LenderOptions, type MachineGround } from "../../../../src/vm/lending/index.ts";
import { encodeSaveHeader } from "../../../../src/vm/libvirt/index.ts";
import { DEFAULT_PUNISHMENT } from "../../../../src/vm/watch/index.ts";
import { StandClocks } from "../../messages/custody/store-stand.ts";
import { NOON, policy } from "../admission/fixed-case.ts";
import { openLeases } from "../leases/store-stand.ts";

const NONE = { packets: 0, bytes: 0 };
const TRAFFIC = { up: { packets: 2, bytes: 300 }, down: NONE, noise: NONE, jailed: NONE };

/** A machine on which nothing is made: what is asked of it is written down, and what is to fail fails. */
export class PlayedGround {
  readonly calls: string[] = [];
  /** Namespaces that were made. */
  readonly networks: string[] = [];
  /** Names of domains. */
  private readonly running = new Set<string>();
  /** What QEMU writes of a machine that is saved, and what it reads of those that go on, with libvirt's header. */
  state: Uint8Array = Buffer.from("memory and devices");
  readonly restored: Buffer[] = [];
  /** Folders for a step, that are there now. */
  readonly rooms = new Set<string>();
  /** That libvirt has at the start. */
  domains: string[] = [];
  /** The call that fails, and why. */
  failing = new Map<string, string>();
  /** Calls that are not done before they are let go. */
  held = new Map<string, Promise<void>>();

  private async call(name: string): Promise<void> {
    this.calls.push(name);
    await this.held.get(name);
    const why = this.failing.get(name);
    if (why !== undefined) throw new Error(why);
  }

  ground(folder: string): MachineGround {
    const call = (name: string) => this.call(name);
    return {
      libvirt: {
        create: async () => {
          await call("create");
          return { name: "", uuid: "", state: "paused" } as never;
        },
        list: async () => {
          await call("list");
          return this.domains.map((name) => ({ name, uuid: "", state: "running" })) as never;
        },
        // As libvirt does, which refuses to resume what runs.
        resume: async (name) => {
          await call("resume");
          if (this.running.has(name)) throw new Error("domain is already running");
          this.running.add(name);
          return undefined;
        },
        suspend: async (name) => {
          await call("suspend");
          this.running.delete(name);
          return undefined;
        },
        destroy: async (name) => {
          await call(name.startsWith("omvm-0000") ? "destroy" : `destroy ${name}`);
          this.running.delete(name);
          return true;
        },
        save: async (_, path) => {
          await call("save");
          const header = { version: 2, wasRunning: false, format: 0, xml: "<domain/>", cookie: undefined };
          writeFileSync(path, Buffer.concat([encodeSaveHeader({ ...header, paddingBytes: 8 }), this.state]));
          return undefined;
        },
        restore: async (path) => {
          await call("restore");
          this.restored.push(readFileSync(path));
          return undefined;
        },
      },
      egress: {
        up: async ({ names }) => {
          this.networks.push(names.namespace);
          await call("up");
        },
        attach: () => call("attach"),
        cut: () => call("cut"),
        down: () => call("down"),
        sweep: async () => {
          await call("sweep");
          return [];
        },
        tunnelStatus: async () => {
          await call("handshake");
          return { listenPort: 1, peer: { handshakeAt: 1 } } as never;
        },
        point: () => call("point"),
        stir: async () => {
          await call("stir");
          return { listenPort: 1, peer: { handshakeAt: 1, receivedBytes: this.calls.length } } as never;
        },
      },
      overlays: {
        create: async () => {
          throw new Error("no image here has a disk");
        },
        room: async (id) => {
          await call("room");
          const room = join(folder, "rooms", id);
          mkdirSync(room, { recursive: true });
          this.rooms.add(id);
          return room;
        },
        pathOf: (lease) => join(folder, lease),
        destroy: async (id) => {
          if (!this.rooms.delete(id)) return call("disk");
          rmSync(join(folder, "rooms", id), { recursive: true });
        },
        sweep: async () => [],
      },
      watch: { add: () => undefined, remove: async () => ({ ...TRAFFIC, rogue: {} }) as never },
      agentAt: () => {
        const closed = Promise.withResolvers<never>();
        closed.promise.catch(() => undefined);
        const unlessClosed = (name: string) => Promise.race([call(name), closed.promise]);
        return {
          hello: async () => {
            await unlessClosed("hello");
            return { version: "1", uptimeMs: 1 };
          },
          prepare: async () => {
            await unlessClosed("prepare");
            return { hostKey: "ssh-ed25519 AAAA" };
          },
          renew: () => unlessClosed("renew"),
          refresh: () => unlessClosed("refresh"),
          close: () => closed.reject(new GuestAgentError("hello", "it was closed")),
        };
      },
      folder,
      ...{ architecture: "x64", accelerator: "emulation", partition: undefined, owner: undefined },
      isMemoryHeld: false,
      punishment: DEFAULT_PUNISHMENT,
      forbidden: () => ["192.0.2.0/24"],
      randomBytes: (count) => new Uint8Array(count).fill(7),
      clock: systemClock,
    };
  }
}

export const IMAGE = {
  ...{ name: "small", version: "1", architecture: "amd64", kernelCommandLine: "quiet", base: undefined },
  ...{ kernel: "/images/kernel", initrd: "/images/initrd.cpio", digest: "0".repeat(64) },
};

/** A lender over a played machine, with a real store and a real journal. */
export function lending(
  folder: string,
  more: Partial<LenderOptions> = {},
  ground: Partial<MachineGround> = {},
) {
  const clocks = new StandClocks();
  const played = new PlayedGround();
  const { store, journal } = openLeases(folder, clocks);
  const lender = new Lender({
    ground: { ...played.ground(`${folder}/run`), ...ground },
    policy: policy({ accept: "all" }),
    ...{ store, journal, timers: clocks.timers },
    images: () => [IMAGE],
    capability: () => ({ cpus: 4, memoryMiB: 2_048, diskMiB: 4_096, images: ["small"] }),
    ports: { first: 24_700, last: 24_703 },
    heardAt: () => "192.0.2.1",
    self: undefined,
    localMinuteOfDay: () => NOON,
    log: createLog({ level: "error", destination: { write: () => undefined } }),
    ...more,
  });
  return { lender, played, store, journal, clocks };
}

/** Waits for what is written to the medium meanwhile. @throws when it is never so */
export async function eventually(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await Bun.sleep(1);
  }
}
