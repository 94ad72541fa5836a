import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { processTable } from "../../src/host/process-table.ts";
import { run, tryRun } from "../../src/host/run.ts";
import { signingKey } from "../../src/identity/signing-key.ts";
import { readCheckpointHead } from "../../src/vm/checkpoint/index.ts";
import type { LeaseRestore } from "../../src/vm/request/lease-request.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import { startPrivateLibvirtd } from "./private-libvirtd.ts";
import type { CheckpointBoxOrder } from "./vm-checkpoint-box.ts";
import type { Asked, CheckpointRequesterOrder } from "./vm-checkpoint-requester.ts";
import { Conversation } from "./vm-egress-lab.ts";
import { set } from "./vm-requester.ts";

/*
 * A machine that is saved on one box and goes on at another, with real libvirt, QEMU and WireGuard: bun
 * vm-checkpoint-story.ts MANIFEST. Runs in namespaces of its own (unshare(1)), since a reaper ends whatever it finds of
 * leases. Prints its report as its last line.
 */

/** What was seen in a guest by SSH. */
export interface Seen {
  /** Of a process that counts every tenth of a second. */
  count: number;
  pid: string;
  file: string;
  onDisk: string;
  bootId: string;
  /** ms by which its clock is off. */
  clockMs: number;
  random: string;
  hostKey: string;
}

export interface CheckpointReport {
  before: Seen;
  saveMs: number;
  fetchMs: number;
  fileMiB: number;
  memoryMiB: number;
  leftAfterSave: string[];
  afterRelease: string;
  /** What was answered to what is none, another's, or cannot go on there. */
  refused: Record<string, string>;
  /** Of the one whose tunnel nobody let in: what libvirt said of it meanwhile, and how it ended. */
  untunnelled: { states: string[]; end: string };
  leftAfterRefusals: string[];
  after: Seen;
  restoreMs: number;
  /** Packets on the boxes' uplink while the machine was restored and used, but for the requester's tunnel and HTTP. */
  outside: string[];
  /** Whether the sniffer hears what is to be heard. */
  heardControl: boolean;
  /** Of the box's own addresses, from within. */
  reachesBox: string;
  displaced: { before: Seen; after: Seen };
  journal: string[];
  /** What there was of leases before a box was killed whose machine had gone on there, and after. */
  beforeKill: number;
  leftAfterKill: string[];
  goneAfterKillS: number;
}

/** With a /sys of its network namespace; what it mounts elsewhere is seen by libvirt, unlike after `ip netns exec`. */
const OWN_SYS = [
  ...["unshare", "--mount", "--propagation", "unchanged", "sh", "-euc"],
  'mount --make-rprivate /sys; mount -n -t sysfs sysfs /sys; exec "$@"',
  "sh",
];
const [manifest = ""] = process.argv.slice(2);
const [BOXES, REQUESTER] = ["198.51.100.2", "198.51.100.10"];
const [FIRST, SECOND, THIRD] = [24_700, 24_800, 24_900];
const DISK_MIB = 64;
const at = (port: number) => `${BOXES}:${port}`;
const keyOf = (name: number) => Buffer.alloc(32, name).toString("hex");
const publicKeyOf = (name: number) =>
  Buffer.from(signingKey(Buffer.from(keyOf(name), "hex")).publicKey).toString("hex");

const lab = new Lab("vmckpt");

class Person {
  private constructor(
    private readonly pipe: Conversation,
    readonly host: LabHost,
  ) {}

  static async start(host: LabHost, order: CheckpointRequesterOrder): Promise<Person> {
    mkdirSync(order.folder);
    const program = join(import.meta.dir, "vm-checkpoint-requester.ts");
    const person = new Person(
      new Conversation(host.command([process.execPath, program, JSON.stringify(order)])),
      host,
    );
    await person.pipe.next();
    return person;
  }

  async call<T>(call: string, argument?: unknown): Promise<T> {
    const answered = this.pipe.next();
    this.pipe.say(`${JSON.stringify({ call, argument })}\n`);
    const { result, error } = JSON.parse(await answered) as { result: T; error?: string };
    if (error !== undefined) throw new Error(`${call}: ${error}`);
    return result;
  }

  /** @returns why not */
  async refusal(call: string, argument?: unknown): Promise<string> {
    return this.call(call, argument).then(
      (result) => `it was done: ${JSON.stringify(result)}`,
      (error: Error) => error.message,
    );
  }

  async ready(port: number, restoreFrom?: LeaseRestore): Promise<Asked> {
    const asked = await this.call<Asked>("request", { provider: at(port), restoreFrom });
    if (asked.phase !== "ready") throw new Error(`${asked.phase}: ${asked.why}`);
    return asked;
  }
}

async function ssh(
  host: LabHost,
  { address }: Asked,
  said: string,
): Promise<{ text: string; hostKey: string }> {
  const known = join(lab.folder, `known-${crypto.randomUUID()}`);
  const options = [
    "StrictHostKeyChecking=no",
    `UserKnownHostsFile=${known}`,
    "LogLevel=ERROR",
    "BatchMode=yes",
  ];
  const words = options.flatMap((option) => ["-o", option]);
  const text = await host.run(
    ["ssh", "-F", "none", "-i", join(lab.folder, "key"), ...words, `root@${address}`, said],
    { timeoutMs: 120_000, env: { SSH_AUTH_SOCK: "" } },
  );
  const [, type = "", key = ""] = readFileSync(known, "utf8").trim().split(" ");
  return { text, hostKey: `${type} ${key}` };
}

const BEGIN = [
  "mkdir -p /tmp/memory && mount -t tmpfs none /tmp/memory",
  "echo 'kept in memory' >/tmp/memory/file",
  "echo 'kept on disk' >/disk/file && sync",
  `(i=0; while :; do i=$((i+1)); echo $i >/tmp/memory/count; sleep 0.1; done) >/dev/null 2>&1 </dev/null & echo $! >/tmp/memory/pid`,
].join("\n");
const LOOK = [
  "cat /tmp/memory/count /tmp/memory/pid /tmp/memory/file /disk/file /proc/sys/kernel/random/boot_id",
  "date +%s",
  "head -c 24 /dev/urandom | base64",
].join("\n");

async function look(host: LabHost, asked: Asked): Promise<Seen> {
  const { text, hostKey } = await ssh(host, asked, LOOK);
  const [count = "", pid = "", file = "", onDisk = "", bootId = "", date = "", random = ""] =
    text.split("\n");
  const clockMs = Number(date) * 1_000 - Date.now();
  return { count: Number(count), pid, file, onDisk, bootId, clockMs, random, hostKey };
}

async function story(boxes: LabHost, home: LabHost, other: LabHost): Promise<CheckpointReport> {
  await lab.cable(boxes, "eth0", home, "eth0");
  await lab.cable(boxes, "eth1", other, "eth0");
  await set(boxes, `address add ${BOXES}/24 dev eth0`, `route add default via ${REQUESTER}`);
  await set(boxes, "address add 192.0.2.1/24 dev eth1");
  await set(home, `address add ${REQUESTER}/24 dev eth0`);
  await set(other, "address add 192.0.2.10/24 dev eth0", `route add ${BOXES}/32 via 192.0.2.1`);
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(lab.folder, "key")]);
  const sshKey = readFileSync(join(lab.folder, "key.pub"), "utf8").trim();
  const owner = await Person.start(home, {
    ...{ folder: join(lab.folder, "owner"), heardAt: REQUESTER, sshKey, diskMiB: DISK_MIB },
  });
  const first = await Person.start(other, {
    ...{ folder: join(lab.folder, "first"), heardAt: "192.0.2.10", sshKey, diskMiB: DISK_MIB },
  });
  const libvirt = await startPrivateLibvirtd(boxes);
  const goesFirst = await first.call<string>("key");
  const box = (port: number, commandLine?: string): CheckpointBoxOrder => {
    const folder = join(lab.folder, `box-${port}`);
    mkdirSync(folder);
    return {
      ...{ folder, heardAt: BOXES, port, seed: keyOf(port % 251), first: goesFirst },
      trusts: [FIRST, SECOND, THIRD].map((one) => publicKeyOf(one % 251)),
      manifest: image(join(dirname(libvirt.folder), `image-${port}`), commandLine),
      libvirt: {
        ...{ uri: libvirt.uri, owner: libvirt.owner, uid: Number(/\d+/.exec(libvirt.owner)?.[0]) },
        ...(libvirt.partition === undefined ? {} : { partition: libvirt.partition }),
        ...{ isMemoryHeld: libvirt.holdsMemory, folder: libvirt.folder },
        pidFolder: join(dirname(libvirt.folder), "run/qemu"),
      },
    };
  };
  const start = async (order: CheckpointBoxOrder): Promise<LabProcess> => {
    const program = join(import.meta.dir, "vm-checkpoint-box.ts");
    const enter = ["nsenter", `--net=/run/netns/${boxes.name}`, "--", ...OWN_SYS];
    const started = lab.spawn([...enter, process.execPath, program, JSON.stringify(order)]);
    processes.push(started);
    await until("a box that lends", () => started.output().includes("lending"), 60_000);
    return started;
  };
  const [one, two] = [await start(box(FIRST)), await start(box(SECOND))];
  await start(box(THIRD, " another"));
  const disks = [FIRST, SECOND, THIRD].map((port) => join(lab.folder, `box-${port}`, "disks"));
  const agents = [FIRST, SECOND, THIRD].map((port) => join(libvirt.folder, String(port)));
  const left = () => whatIsLeft(boxes, [...disks, ...agents]);

  const machine = await owner.ready(FIRST);
  await ssh(home, machine, BEGIN);
  await Bun.sleep(1_000);
  const before = await look(home, machine);
  const saveMs = await owner.call<number>("save", machine.id);
  await until("nothing but its file", async () => (await left()).length === 0, 20_000).catch(() => undefined);
  const leftAfterSave = await left();
  const path = join(lab.folder, "saved");
  const fetchedMs = performance.now();
  await owner.call("fetch", { provider: at(FIRST), id: machine.id, path });
  const fetchMs = Math.round(performance.now() - fetchedMs);
  const strange = await first.refusal("fetch", {
    provider: at(FIRST),
    id: machine.id,
    path: `${path}.theirs`,
  });
  const afterRelease = await owner.call<string>("release", machine.id);

  const bytes = readFileSync(path);
  const file = await open(path, "r");
  const head = await readCheckpointHead(file);
  await file.close();
  const bring = { provider: at(SECOND), path };
  const refused: Record<string, string> = {
    "fetched by a stranger": strange,
    "brought by a stranger": await first.refusal("bring", bring),
    "to a box with another image": await owner.refusal("bring", { ...bring, provider: at(THIRD) }),
  };
  // Half of it alone.
  writeFileSync(`${path}.half`, bytes.subarray(0, bytes.length / 2));
  refused["that was cut off, before it is brought"] = await owner.refusal("bring", {
    ...bring,
    path: `${path}.half`,
  });
  const restoring = (key: string) => ({ checkpoint: head.header.id, key });
  const refusedRequest = async (person: Person, restoreFrom: LeaseRestore) => {
    const { phase, why } = await person.call<Asked>("request", { provider: at(SECOND), restoreFrom });
    return `${phase}: ${why}`;
  };
  refused["that is not there as a whole"] = await refusedRequest(owner, restoring("00".repeat(80)));
  // One byte of the guest's memory is another.
  const changed = Buffer.from(bytes);
  changed[bytes.length >> 1] = (changed[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(`${path}.changed`, changed);
  const ofChanged = await owner.call<LeaseRestore>("bring", { ...bring, path: `${path}.changed` });
  refused["asked for by a stranger"] = await refusedRequest(first, ofChanged);
  refused["with another key"] = await refusedRequest(owner, restoring(otherKey(ofChanged.key)));
  refused["that was changed"] = await refusedRequest(owner, ofChanged);
  await until("nothing of those", async () => (await left()).length === 0, 20_000).catch(() => undefined);
  const leftAfterRefusals = await left();

  // The same file to the same box anew, for what was changed is not kept.
  const restoreFrom = await owner.call<LeaseRestore>("bring", bring);
  const untunnelled = await withoutTunnel(owner, home, restoreFrom, libvirt.uri);

  const uplink = home.spawn(["tcpdump", "-n", "-l", "-i", "eth0", `host ${BOXES} or net 10.0.0.0/8 or ip6`]);
  await until("the sniffer", () => uplink.output().includes("listening on"));
  const again = await owner.ready(SECOND, restoreFrom);
  const after = await look(home, again);
  const { text: reachesBox } = await ssh(
    home,
    again,
    `ping -q -c 1 -W 1 ${BOXES} >/dev/null 2>&1 && echo reached || echo not`,
  );
  await boxes.run(["ping", "-c", "1", "-W", "2", REQUESTER]);
  await until("the control to be heard", () => uplink.output().includes("ICMP echo request"));
  await uplink.stop();
  const heard = (uplink.output().match(/^.* IP6? .*$/gm) ?? []).map((line) => line.replace(/^\S+ /, ""));
  const isTheirs = (line: string) =>
    new RegExp(`${BOXES}\\.(${SECOND}|24[89]\\d\\d) |> ${BOXES}\\.(${SECOND}|24[89]\\d\\d):`).test(line);
  // And the box's own word that nobody is at a tunnel's port any more.
  const outside = heard.filter(
    (line) => !isTheirs(line) && !/ ICMP (echo|.* udp port 248\d\d unreachable)/.test(line),
  );

  // Another goes first, where there is room for one.
  const displaced = await displace(owner, first, home, path);
  const beforeKill = (await left()).length;
  await two.stop("SIGKILL");
  const killedMs = performance.now();
  await until("nothing to be left", async () => (await left()).length === 0, 20_000).catch(() => undefined);
  const goneAfterKillS = Math.round(performance.now() - killedMs) / 1_000;
  const leftAfterKill = await left();
  // Its reaper would have ended the other's machine as well.
  await one.stop();
  const [, text = "[]"] = /^journal (.*)$/m.exec(one.output()) ?? [];
  const entries = JSON.parse(text) as { kind: string; detail: Record<string, unknown> }[];
  const journal = entries.map(({ kind, detail }) => `${kind} ${detail.outcome ?? ""}`.trim());
  await libvirt.stop();
  return {
    ...{ before, saveMs, fetchMs, leftAfterSave, afterRelease, refused, untunnelled, leftAfterRefusals },
    ...{ after, restoreMs: again.readyMs, outside, reachesBox: reachesBox.trim(), displaced, journal },
    ...{
      beforeKill,
      leftAfterKill,
      goneAfterKillS,
      fileMiB: Math.round(bytes.length / 1_048_576),
      memoryMiB: 256,
    },
    heardControl: heard.some((line) => line.includes("ICMP echo request")),
  };
}

/** @returns `key` with its last bit turned: by chance it could end as anything */
function otherKey(key: string): string {
  const bytes = Buffer.from(key, "hex");
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  return bytes.toString("hex");
}

/** Nothing of the tunnel comes through: the machine is there, stands still, and ends. */
async function withoutTunnel(
  owner: Person,
  home: LabHost,
  restoreFrom: LeaseRestore,
  uri: string,
): Promise<CheckpointReport["untunnelled"]> {
  await home.run(["nft", "add", "table", "inet", "lab"]);
  await home.run(["nft", "add chain inet lab in { type filter hook prerouting priority -300 ; }"]);
  await home.run(["nft", "add rule inet lab in udp sport 24801-24820 drop"]);
  const states = new Set<string>();
  let isOver = false;
  const asked = owner.call<Asked>("request", { provider: at(SECOND), restoreFrom }).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const listed = (await run(["virsh", "-c", uri, "list", "--all"])).split("\n").slice(2);
    for (const line of listed) {
      const [, name = "", ...state] = line.trim().split(/\s+/);
      if (name.startsWith("omvm-")) states.add(state.join(" "));
    }
    await Bun.sleep(200);
  }
  const { phase, why } = await asked;
  await home.run(["nft", "delete", "table", "inet", "lab"]);
  return { states: [...states], end: `${phase}: ${why}` };
}

async function displace(
  owner: Person,
  first: Person,
  home: LabHost,
  path: string,
): Promise<CheckpointReport["displaced"]> {
  const low = await owner.ready(FIRST);
  await ssh(home, low, BEGIN);
  const before = await look(home, low);
  const high = await first.ready(FIRST);
  await owner.call("ended", low.id);
  await first.call("release", high.id);
  // What goes on at the second box has made room there.
  const there = `${path}.displaced`;
  await owner.call("fetch", { provider: at(FIRST), id: low.id, path: there });
  await owner.call("releaseAll");
  const restoreFrom = await owner.call<LeaseRestore>("bring", { provider: at(SECOND), path: there });
  const last = await owner.ready(SECOND, restoreFrom);
  const after = await look(home, last);
  return { before, after };
}

/** The image with a disk, where QEMU's user may read it. @returns its manifest there */
function image(into: string, commandLine = ""): string {
  mkdirSync(into, { recursive: true, mode: 0o755 });
  for (const name of ["kernel", "initrd.cpio"]) {
    copyFileSync(join(dirname(manifest), name), join(into, name));
    chmodSync(join(into, name), 0o644);
  }
  const base = new Uint8Array(1_048_576);
  writeFileSync(join(into, "base.raw"), base, { mode: 0o644 });
  const said = JSON.parse(readFileSync(manifest, "utf8"));
  const sha256 = new Bun.CryptoHasher("sha256").update(base).digest("hex");
  said.files["base.raw"] = { sha256, bytes: base.length };
  said.kernelCommandLine += commandLine;
  writeFileSync(join(into, "manifest.json"), JSON.stringify(said), { mode: 0o644 });
  return join(into, "manifest.json");
}

/** What there is of machines, whoever's. */
async function whatIsLeft(boxes: LabHost, folders: readonly string[]): Promise<string[]> {
  const programs = processTable().flatMap(({ argv, pid }) =>
    /qemu-system|wireguard-go/.test(argv[0] ?? "") && /omvm-|omw/.test(argv.join(" "))
      ? [`process ${pid} ${argv[0]}`]
      : [],
  );
  const namespaces = (await run(["ip", "netns", "list"])).match(/omvm-[0-9a-f]{10}/g) ?? [];
  const links =
    (await tryRun(["ip", "-n", boxes.name, "-o", "link"])).stdout.match(/om[tw][0-9a-f]{10}/g) ?? [];
  const files = folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").match(/\/disks\/[0-9a-f]{32}/g) ?? [];
  return [...programs, ...namespaces, ...links, ...files, ...mounts];
}

const processes: LabProcess[] = [];
await lab.open();
try {
  const report = await story(await lab.host("boxes"), await lab.host("home"), await lab.host("other"));
  console.log(JSON.stringify(report));
} catch (error) {
  for (const one of processes) console.error(`--- a box\n${one.output().slice(-30_000)}`);
  throw error;
} finally {
  await lab.close();
}
process.exit(0);
