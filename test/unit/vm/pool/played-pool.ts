import { writeFileSync } from "node:fs";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Cause } from "../../../../src/vm/host-first/index.ts";
import type { VmImage } from "../../../../src/vm/image/index.ts";
import { LibvirtTimeoutError } from "../../../../src/vm/libvirt/index.ts";
import { encodeSaveHeader, readSaveHeader } from "../../../../src/vm/libvirt/save-file.ts";
import { Pool, type PoolGround, type PoolPolicy, USUAL_POOL } from "../../../../src/vm/pool/index.ts";
import { capturedLog } from "../../captured-log.ts";

export const SMALL_IMAGE: VmImage = {
  ...{ name: "small", version: "1", architecture: "amd64", kernelCommandLine: "quiet", base: undefined },
  ...{ kernel: "/images/kernel", initrd: "/images/initrd.cpio", digest: "0".repeat(64) },
};
export const WISH = { image: "small", resources: { cpus: 1, memoryMiB: 256, diskMiB: 0 } };

/** A box on which machines are only names: what was done, in order, and what there is. */
export class PlayedBox {
  readonly done: string[] = [];
  readonly domains = new Map<string, "paused" | "running">();
  readonly namespaces = new Set<string>();
  /** Calls that fail, by their names. */
  readonly broken = new Set<string>();
  /** Calls that libvirt does not answer in time; what they are to make comes later. */
  readonly slow = new Set<"create" | "restore">();
  /** Makes what slow calls have asked for. */
  readonly late: (() => void)[] = [];
  qemuVersion = 7_002_000;
  private readonly xmls = new Map<string, string>();
  private numbers = 0;

  constructor(private readonly folder: string) {}

  private step(what: string, of: string): void {
    this.done.push(what);
    if (this.broken.has(what)) throw new Error(`${what} of ${of} is broken`);
  }

  private come(call: "create" | "restore", name: string, state: "paused" | "running"): void {
    const make = () => void this.domains.set(name, state);
    if (this.slow.has(call)) {
      this.late.push(make);
      throw new LibvirtTimeoutError(call, 30_000);
    }
    make();
  }

  ground(): PoolGround {
    return {
      libvirt: {
        host: async () => ({
          ...{ libvirtVersion: 9_000_000, hypervisorVersion: this.qemuVersion, model: "x86_64" },
          ...{ memoryKiB: 4_194_304, cpus: 2 },
        }),
        list: async () => [...this.domains].map(([name, state]) => ({ name, state, uuid: "" })),
        create: async (xml, how) => {
          const name = /<name>([^<]*)</.exec(xml)?.[1] ?? "";
          this.step("create", name);
          this.come("create", name, how.isPaused ? "paused" : "running");
          this.xmls.set(name, xml);
          return { name, uuid: "", state: "paused" };
        },
        resume: async (name) => {
          this.step("resume", name);
          this.domains.set(name, "running");
        },
        suspend: async (name) => {
          this.step("suspend", name);
          this.domains.set(name, "paused");
        },
        destroy: async (name) => {
          this.step("destroy", name);
          return this.domains.delete(name);
        },
        save: async (name, path) => {
          this.step("save", name);
          this.domains.delete(name);
          const xml = this.xmls.get(name) ?? "";
          const header = { ...{ version: 2, wasRunning: false, format: 0, xml }, cookie: undefined };
          writeFileSync(path, Buffer.concat([encodeSaveHeader({ ...header, paddingBytes: 64 }), STATE]));
        },
        restore: async (path) => {
          this.step("restore", path);
          const { xml, wasRunning } = await readSaveHeader(path);
          const name = /<name>([^<]*)</.exec(xml)?.[1] ?? "";
          this.come("restore", name, wasRunning ? "running" : "paused");
          return undefined;
        },
      },
      egress: {
        confine: async ({ names }) => {
          this.step("confine", names.namespace);
          this.namespaces.add(names.namespace);
        },
        prepare: async ({ names }) => {
          this.step("prepare", names.namespace);
          this.namespaces.add(names.namespace);
        },
        park: async ({ names }) => this.step("park", names.namespace),
        down: async ({ namespace }) => {
          this.step("down", namespace);
          this.namespaces.delete(namespace);
        },
      },
      overlays: {
        create: async () => {
          throw new Error("no image here has a disk");
        },
        destroy: async () => undefined,
      },
      agentAt: () => ({
        hello: async () => {
          this.step("hello", "");
          return { version: "1", uptimeMs: 5 };
        },
        close: () => undefined,
      }),
      folder: this.folder,
      ...{ architecture: "x64", accelerator: "emulation", partition: undefined, owner: undefined },
      isMemoryHeld: false,
      randomBytes: (count) => {
        this.numbers += 1;
        return new Uint8Array(count).fill(this.numbers);
      },
    };
  }
}

const STATE = Buffer.from("the guest's memory");

export function playedPool(folder: string, policy: Partial<PoolPolicy> = {}) {
  const box = new PlayedBox(folder);
  const time = new VirtualTime();
  const { log, lines } = capturedLog();
  const sight = { images: [SMALL_IMAGE], causes: [] as Cause[], availableMemoryMiB: 4_096 };
  const pool = new Pool({
    ground: box.ground(),
    policy: { ...USUAL_POOL, shapes: [{ ...WISH.resources, image: "small" }], ...policy },
    images: () => sight.images,
    causes: () => sight.causes,
    availableMemoryMiB: () => sight.availableMemoryMiB,
    ...{ log, timers: time },
  });
  /** Looks, and waits for what that has begun, so many times. */
  const looks = async (count: number) => {
    for (let turn = 0; turn < count; turn += 1) {
      await pool.look();
      await pool.idle();
    }
  };
  const waiting = () => pool.stock().reduce((sum, { machines }) => sum + machines, 0);
  return { pool, box, time, sight, looks, waiting, lines };
}
