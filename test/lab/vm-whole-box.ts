import { Database } from "bun:sqlite";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { defaultConfig } from "../../src/config/index.ts";
import { processTable } from "../../src/host/process-table.ts";
import { run, tryRun } from "../../src/host/run.ts";
import { foldersOf } from "../../src/vm/compose/lending-ground.ts";
import { reapersOf } from "../../src/vm/reaper/reaper-order.ts";
import { type LabHost, type LabProcess, until } from "./lab.ts";
import { type PrivateLibvirtd, startPrivateLibvirtd } from "./private-libvirtd.ts";
import type { WholeBoxOrder } from "./vm-whole-box-process.ts";

type VmConfig = WholeBoxOrder["config"];

/** Programs that a story with such a box needs. */
export const WHOLE_BOX_NEEDS = [
  ...(["root", "x86-64", "program:libvirtd", "program:virsh", "program:qemu-system-x86_64"] as const),
  ...(["program:qemu-img", "program:mmdebstrap", "program:nft", "program:wg", "program:dnsmasq"] as const),
  ...(["program:wireguard-go", "program:unshare", "program:ssh-keygen"] as const),
] as const;

/** With a /sys of its network namespace; what it mounts elsewhere is seen by libvirt, unlike after `ip netns exec`. */
const OWN_SYS = [
  ...["unshare", "--mount", "--propagation", "unchanged", "sh", "-euc"],
  'mount --make-rprivate /sys; mount -n -t sysfs sysfs /sys; exec "$@"',
  "sh",
];
/** From a start to a box that lends, on a machine that may do much else. */
const LENDS_WITHIN_MS = 90_000;

/** In a story that is played apart: the daemon as far as it lends, its libvirtd, and what it has of leases. */
export class WholeBox {
  private readonly order: WholeBoxOrder;
  private daemon: LabProcess | undefined;

  private constructor(
    private readonly host: LabHost,
    readonly libvirt: PrivateLibvirtd,
    config: VmConfig,
  ) {
    const folder = join(host.lab.folder, "box");
    this.order = { stateFolder: join(folder, "state"), runFolder: join(folder, "run"), config };
    for (const path of [this.order.stateFolder, this.order.runFolder]) mkdirSync(path, { recursive: true });
  }

  /** Its images are `small`, and `disk`, which is the same with a disk. It does not lend yet. */
  static async make(
    host: LabHost,
    manifest: string,
    more: (config: VmConfig) => Partial<VmConfig>,
  ): Promise<WholeBox> {
    const libvirt = await startPrivateLibvirtd(host);
    const base = dirname(libvirt.folder);
    // As on a machine with libvirt's packages, and without KVM, which that libvirt has not either.
    for (const file of ["passwd", "group"]) await run(["mount", "--bind", join(base, file), `/etc/${file}`]);
    if (existsSync("/dev/kvm")) await run(["mount", "--bind", join(base, "no-kvm"), "/dev/kvm"]);
    const images = join(libvirt.folder, "images");
    putImage(manifest, join(images, "small"), false);
    putImage(manifest, join(images, "disk"), true);
    const { vm } = defaultConfig();
    const own: VmConfig = { ...vm, libvirt: libvirt.uri, images, accept: "all" };
    return new WholeBox(host, libvirt, { ...own, ...more(own) });
  }

  /** @returns the daemon's process, when it lends */
  async start(): Promise<number> {
    const program = join(import.meta.dir, "vm-whole-box-process.ts");
    const enter = ["nsenter", `--net=/run/netns/${this.host.name}`, "--", ...OWN_SYS];
    const started = this.host.lab.spawn([...enter, process.execPath, program, JSON.stringify(this.order)]);
    this.daemon = started;
    const ended = started.exited.then((status) => {
      throw new Error(`the box ended with ${status}: ${started.output().slice(-6_000)}`);
    });
    // What it ends with later is the story's.
    ended.catch(() => undefined);
    const lends = until("a box that lends", () => started.output().includes("lending\n"), LENDS_WITHIN_MS);
    await Promise.race([ended, lends]).catch((error) => {
      throw new Error(`${error}: ${started.output().slice(-6_000)}`);
    });
    return started.pid;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const { daemon } = this;
    this.daemon = undefined;
    if (!daemon) return;
    // It ends its leases first, for which the lab's own stop would not wait.
    process.kill(daemon.pid, signal);
    await until(
      "the daemon's end",
      () => Promise.race([daemon.exited.then(() => true), Bun.sleep(0)]),
      60_000,
    );
  }

  /** Whether it has what it needs for another lease. */
  lends = (): boolean =>
    this.daemon
      ?.output()
      .match(/^lends( not: .*)?$/gm)
      ?.at(-1) === "lends";

  /** The last that it has said. */
  words = (): string => this.daemon?.output().slice(-30_000) ?? "";

  /** Processes. */
  reapers = (): number[] => reapersOf(this.order.runFolder).map(({ pid }) => pid);
  tunnels = (): number[] =>
    processTable().flatMap(({ argv, pid }) =>
      /(?:^|\/)wireguard-go$/.test(argv[0] ?? "") && argv.at(-1)?.startsWith("omw") ? [pid] : [],
    );

  /** What there is of machines. Empty: nothing. */
  async left(): Promise<string[]> {
    const { stateFolder, runFolder } = this.order;
    const { agents, disks, volumes } = foldersOf(runFolder, stateFolder);
    const machines = processTable().flatMap(({ argv, pid }) =>
      /qemu-system/.test(argv[0] ?? "") && argv.join(" ").includes("omvm-") ? [`QEMU ${pid}`] : [],
    );
    const ofFolder = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
    const files = [agents, disks, volumes].flatMap((folder) =>
      ofFolder(folder).map((name) => join(folder, name)),
    );
    const sockets = ofFolder("/run/wireguard").filter((name) => name.startsWith("omw"));
    const listed = await Promise.all([
      run(["ip", "netns", "list"]),
      run(["ip", "-n", this.host.name, "-o", "link"]),
      // Whether libvirt still knows one; it may be away.
      tryRun(["virsh", "-c", this.libvirt.uri, "list", "--name"], { timeoutMs: 10_000 }),
    ]);
    const [namespaces, links, domains] = listed;
    const mounts = readFileSync("/proc/self/mountinfo", "utf8").match(/\/vm-disks\/[0-9a-f]{32}\S*/g) ?? [];
    return [
      ...[...machines, ...files, ...sockets, ...mounts],
      ...this.tunnels().map((pid) => `wireguard-go ${pid}`),
      ...(namespaces.match(/omvm-[0-9a-f]{10}/g) ?? []),
      ...(links.match(/om[tw][0-9a-f]{10}/g) ?? []),
      ...(domains.stdout.match(/omvm-\S+/g) ?? []),
    ];
  }

  /**
   * Leases that were begun, by how often the journal has their end; and of what else it has an end, as those have whose daemon was
   * killed after its decision.
   */
  ends(): Map<string, number> {
    const { stateFolder } = this.order;
    const ask = (file: string, sql: string) => {
      const db = new Database(join(stateFolder, file), { readonly: true });
      try {
        return db.query<{ id: string }, []>(sql).all();
      } finally {
        db.close();
      }
    };
    const ends = new Map(ask("leases.sqlite", "SELECT id FROM lease").map(({ id }) => [id, 0]));
    for (const { id } of ask("journal.sqlite", "SELECT subject AS id FROM entry WHERE kind = 'lease-ended'"))
      ends.set(id, (ends.get(id) ?? 0) + 1);
    return ends;
  }

  /** Kept in memory by the daemon, in MiB. */
  memoryMiB(): number {
    const status = readFileSync(`/proc/${this.daemon?.pid}/status`, "utf8");
    return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1]) / 1_024;
  }
}

/** Where QEMU's user may read it. */
function putImage(manifest: string, into: string, hasDisk: boolean): void {
  mkdirSync(into, { recursive: true, mode: 0o755 });
  chmodSync(dirname(into), 0o755);
  for (const name of ["kernel", "initrd.cpio"]) {
    copyFileSync(join(dirname(manifest), name), join(into, name));
    chmodSync(join(into, name), 0o644);
  }
  const said = JSON.parse(readFileSync(manifest, "utf8"));
  if (hasDisk) {
    const base = new Uint8Array(1_048_576);
    writeFileSync(join(into, "base.raw"), base, { mode: 0o644 });
    const sha256 = new Bun.CryptoHasher("sha256").update(base).digest("hex");
    said.files["base.raw"] = { sha256, bytes: base.length };
    said.name = "disk";
  }
  writeFileSync(join(into, "manifest.json"), JSON.stringify(said), { mode: 0o644 });
}
