import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import type { DomainPlan } from "../../src/vm/domain/domain-plan.ts";
import { domainXml } from "../../src/vm/domain/domain-xml.ts";
import { identityOf, renamedDomain } from "../../src/vm/domain/renamed-domain.ts";
import { lookThroughBinding, lookThroughLibrary } from "../../src/vm/held/index.ts";
import { Libvirt } from "../../src/vm/libvirt/libvirt.ts";
import { LibvirtError, LibvirtTimeoutError } from "../../src/vm/libvirt/libvirt-error.ts";
import type { DomainEvent } from "../../src/vm/libvirt/libvirt-protocol.ts";
import { readSaveHeader, rewriteSaveFile } from "../../src/vm/libvirt/save-file.ts";
import { describeNeeding, hasLibvirtBinding } from "../needs.ts";
import { countingKernel } from "./counting-kernel.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { type PrivateLibvirtd, readComm, startPrivateLibvirtd } from "./private-libvirtd.ts";

const NEEDS = [
  "root",
  "x86-64",
  "program:libvirtd",
  "program:virsh",
  "program:qemu-system-x86_64",
  "program:qemu-img",
] as const;

const OWNER = join(import.meta.dir, "vm-libvirt-owner.ts");
/** QEMU emulates, on a machine that may do much else. */
const PATIENCE_MS = 60_000;

/** What comes out of a console, from when it is opened. */
async function openConsole(path: string): Promise<{ text(): string; close(): void }> {
  let text = "";
  const socket = await Bun.connect({
    unix: path,
    socket: {
      data: (_, data) => {
        text = (text + data.toString("latin1")).slice(-10_000);
      },
    },
  });
  return { text: () => text, close: () => socket.end() };
}

describeNeeding(NEEDS, "virtual machines of libvirt and QEMU", () => {
  const lab = new Lab("vml");
  let host: LabHost;
  let daemon: PrivateLibvirtd;
  let libvirt: Libvirt;
  const events: DomainEvent[] = [];
  const closed: string[] = [];

  const connect = () =>
    Libvirt.connect({
      uri: daemon.uri,
      callTimeoutMs: 3_000,
      onEvent: (event) => void events.push(event),
      onClosed: (reason) => void closed.push(reason),
    });

  beforeAll(async () => {
    await lab.open();
    host = await lab.host("box");
    daemon = await startPrivateLibvirtd(host);
    libvirt = await connect();
    writeFileSync(join(daemon.folder, "kernel"), countingKernel(), { mode: 0o644 });
  }, 120_000);

  afterAll(async () => {
    await libvirt?.close().catch(() => undefined);
    await daemon?.stop();
    await lab.close();
  }, 60_000);

  /** A small machine with a card and a disk of its own. */
  async function plan(id: string): Promise<DomainPlan> {
    const folder = join(daemon.folder, id);
    mkdirSync(folder, { recursive: true });
    const disk = join(folder, "disk.qcow2");
    await run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "16M"], { timeoutMs: PATIENCE_MS });
    for (const path of [folder, disk]) chmodSync(path, 0o777);
    await host.run(["ip", "tuntap", "add", "dev", `omt${id}`, "mode", "tap", "vnet_hdr"]);
    return {
      name: `omvm-${id}`,
      uuid: randomUUID(),
      architecture: "x64",
      accelerator: "emulation",
      vcpus: 1,
      memoryMiB: 32,
      boot: { kernel: join(daemon.folder, "kernel"), initrd: undefined, commandLine: `who="${id}" <&>'` },
      disk,
      tap: `omt${id}`,
      agentSocket: join(folder, "agent"),
      consoleSocket: join(folder, "console"),
      limits: { isMemoryHeld: daemon.holdsMemory, cpuPercent: undefined, shares: undefined },
      partition: daemon.partition,
      owner: daemon.owner,
    };
  }

  const consoleOf = (machine: DomainPlan) => openConsole(machine.consoleSocket ?? "");
  const startPaused = (machine: DomainPlan) =>
    libvirt.create(domainXml(machine), { isPaused: true, endsWithConnection: false });
  const stateOf = async (name: string) =>
    (await libvirt.list()).find((domain) => domain.name === name)?.state;
  const told = (name: string) =>
    events.filter((event) => event.name === name).map(({ kind, detail }) => `${kind}: ${detail}`);
  const qemus = async () => {
    const pids = await run(["ip", "netns", "pids", host.name]);
    return pids
      .split("\n")
      .map(Number)
      .filter((pid) => readComm(pid).startsWith("qemu-system"));
  };

  test("run no instruction before they are resumed, and none while they are suspended", async () => {
    const machine = await plan("a1");
    expect(await startPaused(machine)).toEqual({ name: machine.name, uuid: machine.uuid, state: "paused" });
    const console = await consoleOf(machine);
    expect(await stateOf(machine.name)).toBe("paused");
    expect(console.text()).toBe("");
    await libvirt.resume(machine.name);
    expect(await stateOf(machine.name)).toBe("running");
    await until("the guest to count", () => console.text().startsWith("B0123456789"), PATIENCE_MS);
    await libvirt.suspend(machine.name);
    expect(await stateOf(machine.name)).toBe("paused");
    const { cpuTimeNs, residentKiB, disk } = await figuresOf(machine.name);
    expect(cpuTimeNs).toBeGreaterThan(0);
    expect(residentKiB).toBeGreaterThan(1_000);
    expect(disk?.fileBytes).toBeGreaterThan(0);
    await libvirt.resume(machine.name);
    const before = console.text().length;
    await until("the guest to go on", () => console.text().length > before, PATIENCE_MS);
    console.close();
    expect(await libvirt.destroy(machine.name)).toBe(true);
    expect(await libvirt.destroy(machine.name)).toBe(false);
    expect(await stateOf(machine.name)).toBeUndefined();
    await until("the end to be told", () => told(machine.name).at(-1)?.startsWith("stopped"));
    // QEMU tells of its own end as well, when it comes to it.
    expect(told(machine.name).filter((event) => !event.startsWith("shutdown"))).toEqual([
      "started: 0",
      "suspended: asked",
      "resumed: 0",
      "suspended: asked",
      "resumed: 0",
      "stopped: destroyed",
    ]);
    expect(await qemus()).toEqual([]);
  }, 180_000);

  const figuresOf = async (name: string) => {
    const figures = (await libvirt.stats()).find((domain) => domain.name === name);
    if (figures === undefined) throw new Error(`there are no figures of ${name}`);
    return figures;
  };

  test("are seen alike through our own calls and through the binding for Node, where that is built", async () => {
    const [one, other] = [await plan("f1"), await plan("f2")];
    await startPaused({ ...one, vcpus: 2, memoryMiB: 48 });
    await startPaused(other);
    await libvirt.resume(other.name);
    const seen = await lookThroughLibrary(daemon.uri);
    expect(seen.host.cpus).toBe(navigator.hardwareConcurrency);
    const sizes = seen.machines.map(({ name, state, cpus, memoryKiB }) => [name, state, cpus, memoryKiB]);
    expect(sizes).toContainEqual([one.name, "paused", 2, 48 * 1_024]);
    expect(sizes).toContainEqual([other.name, "running", 1, 32 * 1_024]);
    const byBinding = await lookThroughBinding(daemon.uri);
    if (hasLibvirtBinding) expect(byBinding).toEqual(seen);
    else expect(byBinding).toBeUndefined();
    for (const { name } of [one, other]) await libvirt.destroy(name);
  }, 120_000);

  test("run as QEMU's own user, in the control group of all machines, within their memory", async () => {
    const machine = await plan("b1");
    await startPaused(machine);
    const [pid = 0] = await qemus();
    expect(await Bun.file(`/proc/${pid}/status`).text()).toMatch(/^Uid:\s+64055\s+64055\s+64055\s/m);
    expect(daemon.partition).toBeDefined();
    expect(await Bun.file(`/proc/${pid}/cgroup`).text()).toContain(`:${daemon.partition}.partition/`);
    const isHeld = /<hard_limit unit='KiB'>\d+<\/hard_limit>/.test(await libvirt.xml(machine.name));
    expect(isHeld).toBe(daemon.holdsMemory);
    await libvirt.destroy(machine.name);
  }, 60_000);

  test("are saved, and go on as two others with another name, TAP, disk and sockets", async () => {
    const first = await plan("c1");
    await startPaused(first);
    const console = await consoleOf(first);
    await libvirt.resume(first.name);
    await until("the guest to count", () => console.text().startsWith("B0"), PATIENCE_MS);
    console.close();
    await libvirt.suspend(first.name);
    const saved = join(daemon.folder, "first.save");
    await libvirt.save(first.name, saved);
    expect(await stateOf(first.name)).toBeUndefined();
    expect(await readSaveHeader(saved)).toMatchObject({ wasRunning: false, format: 0 });

    const others = [await plan("c2"), await plan("c3")];
    for (const other of others) {
      copyFileSync(first.disk ?? "", other.disk ?? "");
      const file = join(daemon.folder, `${other.name}.save`);
      const [from, to] = [identityOf(first), identityOf(other)];
      await rewriteSaveFile(saved, file, (header) => ({
        ...header,
        xml: renamedDomain(header.xml, from, to),
      }));
      await libvirt.restore(file);
      expect(await libvirt.list()).toContainEqual({ name: other.name, uuid: other.uuid, state: "paused" });
    }
    const consoles = await Promise.all(others.map(consoleOf));
    for (const { text } of consoles) expect(text()).toBe("");
    for (const other of others) await libvirt.resume(other.name);
    await until("both to count", () => consoles.every(({ text }) => text().length > 20), PATIENCE_MS);
    // One that had begun anew would have said so.
    for (const { text } of consoles) expect(text()).toMatch(/^\d+$/);
    for (const { close } of consoles) close();
    for (const other of others) expect(await libvirt.destroy(other.name)).toBe(true);
    expect(await qemus()).toEqual([]);
  }, 300_000);

  test("are refused with libvirt's own words, and nothing of them stays", async () => {
    const sound = await plan("d1");
    const newer = await startPaused({ ...sound, machine: "pc-q35-99.0" }).catch((error: unknown) => error);
    expect(newer).toBeInstanceOf(LibvirtError);
    expect((newer as LibvirtError).message).toContain("pc-q35-99.0");
    // Here QEMU is what ends, sometimes before it has said why.
    const boot = { ...sound.boot, kernel: join(daemon.folder, "no-such-kernel") };
    const broken = await startPaused({ ...sound, boot }).catch((error: unknown) => error);
    expect(broken).toBeInstanceOf(LibvirtError);
    const missing = await libvirt.resume("omvm-nobody").catch((error: unknown) => error);
    expect((missing as LibvirtError).isNoDomain).toBe(true);
    expect(await libvirt.list()).toEqual([]);
    expect(await qemus()).toEqual([]);
  }, 60_000);

  test.each([
    ["ends", "when it was made so"],
    ["stays", "otherwise"],
  ])(
    "of a process that is killed: one %s %s",
    async (how) => {
      const name = `omvm-owned-${how}`;
      const owner = lab.spawn([process.execPath, OWNER, daemon.uri, name, how]);
      await until("the machine to be there", () => owner.output().includes("READY"), PATIENCE_MS);
      expect(await stateOf(name)).toBe("paused");
      await owner.stop("SIGKILL");
      if (how === "ends") {
        await until("the machine to end", async () => (await stateOf(name)) === undefined, PATIENCE_MS);
      } else {
        // By now the other one had long been ended: the daemon looks after a lost connection at once.
        await libvirt.host();
        expect(await stateOf(name)).toBe("paused");
        expect(await libvirt.destroy(name)).toBe(true);
      }
    },
    120_000,
  );

  test("are asked for in vain while libvirt stands still, which holds up nothing else", async () => {
    process.kill(daemon.pid, "SIGSTOP");
    try {
      let turns = 0;
      const timer = setInterval(() => {
        turns += 1;
      }, 10);
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => libvirt.list().catch((error: unknown) => error)),
      );
      clearInterval(timer);
      for (const answer of answers) expect(answer).toBeInstanceOf(LibvirtTimeoutError);
      expect(turns).toBeGreaterThan(30);
    } finally {
      process.kill(daemon.pid, "SIGCONT");
    }
    await until(
      "libvirt to answer again",
      () =>
        libvirt.list().then(
          () => true,
          () => false,
        ),
      PATIENCE_MS,
    );
  }, 120_000);

  test("go on while libvirt is killed and started again, which is told", async () => {
    const machine = await plan("e1");
    await startPaused(machine);
    await daemon.kill();
    await until("the loss to be told", () => closed.length > 0, PATIENCE_MS);
    expect(await libvirt.list().catch((error: unknown) => error)).toBeInstanceOf(LibvirtError);
    expect(await qemus()).toHaveLength(1);
    await libvirt.close().catch(() => undefined);
    await daemon.restart();
    libvirt = await connect();
    expect(await libvirt.list()).toEqual([{ name: machine.name, uuid: machine.uuid, state: "paused" }]);
    expect(await libvirt.destroy(machine.name)).toBe(true);
    expect(await qemus()).toEqual([]);
  }, 180_000);

  test("are known to be without libvirt also where somebody waits for its answer just when it is killed", async () => {
    for (let round = 0; round < 3; round += 1) {
      closed.length = 0;
      // One asks at any time: the thread that waits for an answer is the one that notices.
      let isAsking = true;
      const asking = (async () => {
        while (isAsking) await libvirt.list().catch(() => Bun.sleep(10));
      })();
      await Bun.sleep(200);
      await daemon.kill();
      await until("the loss to be told", () => closed.length > 0, PATIENCE_MS);
      isAsking = false;
      await asking;
      await libvirt.close().catch(() => undefined);
      await daemon.restart();
      libvirt = await connect();
      expect(await libvirt.list()).toEqual([]);
    }
  }, 240_000);

  test("of a run that crashed are ended by the next", async () => {
    const crashed = Bun.spawn([process.execPath, OWNER, "vmc", "omvm-crashed"], { stdout: "pipe" });
    const reader = crashed.stdout.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toBe("READY\n");
    const pids = (await run(["ip", "netns", "pids", "omb-vmc-box"])).trim().split("\n").map(Number);
    crashed.kill("SIGKILL");
    await crashed.exited;
    expect(pids.map(readComm).filter((name) => name.startsWith("qemu-system"))).toHaveLength(1);
    const next = await new Lab("vmc").open();
    await until("its processes to end", () => pids.every((pid) => !existsSync(`/proc/${pid}`)), PATIENCE_MS);
    const again = await startPrivateLibvirtd(await next.host("box"));
    const connection = await Libvirt.connect({ uri: again.uri });
    expect(await connection.list()).toEqual([]);
    await connection.close();
    await again.stop();
    await next.close();
  }, 180_000);
});
