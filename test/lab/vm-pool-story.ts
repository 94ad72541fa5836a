import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { processTable } from "../../src/host/process-table.ts";
import { run, tryRun } from "../../src/host/run.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../src/host/wireguard-key.ts";
import { sshBanner } from "../../src/requester/ssh-banner.ts";
import { Lab, type LabHost, until } from "./lab.ts";
import { withNetworkOf } from "./network-namespace.ts";
import { startPrivateLibvirtd } from "./private-libvirtd.ts";
import type { PoolBoxOrder, Served, ServeOrder } from "./vm-pool-box.ts";
import { PoolBox, type WaitingLink } from "./vm-pool-client.ts";
import { set } from "./vm-requester.ts";

/*
 * A pool with real libvirt, QEMU and WireGuard, from its first file to a killed daemon: bun vm-pool-story.ts MANIFEST
 * DISK-MIB. Runs in namespaces of its own (unshare(1)), since a reaper ends whatever it finds of leases. Prints its
 * report as its last line.
 */

export interface Login {
  hostKey: string;
  random: string;
  uuid: string;
  bootId: string;
  machineId: string;
}

export interface PoolReport {
  /** s from the pool's start until its file was made, and until all machines waited. */
  fileS: number;
  fullS: number;
  fileMiB: number;
  /** Of each interface in the namespaces of machines that waited. */
  waitingLinks: WaitingLink[];
  /** Of all domains, while nobody had claimed one. */
  waitingStates: string[];
  /** Packets on the box's uplink meanwhile, but for the positive control's; and that one's. */
  heardOutside: number;
  heardControl: number;
  logins: Login[];
  /** ms from the claim to SSH's banner at the requester, and the box's own steps. */
  claims: { bannerMs: number; steps: Record<string, number> }[];
  /** The same of one that was made of the file at once. */
  restored: { bannerMs: number; steps: Record<string, number> };
  /** s from the last claim until as many waited again. */
  refilledS: number;
  /** What there was while the box needed its memory. */
  pressed: { machines: number; files: number };
  /** What was left of leases after the stop, and after a kill, s until nothing was. */
  leftAfterStop: string[];
  beforeKill: number;
  leftAfterKill: string[];
  goneAfterKillS: number;
}

const PATIENCE_MS = 240_000;
const [manifest = "", disk = "0"] = process.argv.slice(2);
const diskMiB = Number(disk);
const [BOX, REQUESTER, INSIDE] = ["198.51.100.2", "198.51.100.10", "10.99.0.1"];
const PORT = 51_820;
const KEEP = 2;
const sinceS = (ms: number) => Math.round(performance.now() - ms) / 1_000;

const lab = new Lab("vmpool");

async function story(box: LabHost, requester: LabHost): Promise<PoolReport> {
  await lab.cable(box, "eth0", requester, "eth0");
  await set(box, `address add ${BOX}/24 dev eth0`, `route add default via ${REQUESTER}`);
  await set(requester, `address add ${REQUESTER}/24 dev eth0`);
  const requesterKey = await serveTunnel(requester);
  const key = join(lab.folder, "key");
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]);
  const sshKey = readFileSync(`${key}.pub`, "utf8").trim();
  const libvirt = await startPrivateLibvirtd(box);
  const folder = join(lab.folder, "box");
  mkdirSync(folder);
  const order: PoolBoxOrder = {
    ...{ folder, manifest: readable(libvirt.folder), diskMiB, keep: KEEP, isReaped: true },
    libvirt: {
      ...{ uri: libvirt.uri, owner: libvirt.owner, uid: Number(/\d+/.exec(libvirt.owner)?.[0]) },
      ...(libvirt.partition === undefined ? {} : { partition: libvirt.partition }),
      ...{ isMemoryHeld: libvirt.holdsMemory, folder: libvirt.folder },
      pidFolder: join(dirname(libvirt.folder), "run/qemu"),
    },
  };
  const left = () => whatIsLeft(box, [libvirt.folder, join(folder, "disks")]);

  const uplink = requester.spawn(["tcpdump", "-n", "-l", "-i", "eth0", "ip"]);
  await until("the sniffer", () => uplink.output().includes("listening on"));
  let pool = await PoolBox.start(["nsenter", `--net=/run/netns/${box.name}`, "--"], order);
  const startedMs = performance.now();
  await until("a file", async () => (await pool.stock()).files === 1, PATIENCE_MS);
  const fileS = sinceS(startedMs);
  await until("all to wait", async () => (await pool.stock()).machines === KEEP, PATIENCE_MS);
  const fullS = sinceS(startedMs);
  const { fileMiB } = await pool.stock();
  const waitingLinks = await pool.links();
  const listed = (await run(["virsh", "-c", libvirt.uri, "list"])).split("\n").slice(2);
  const waitingStates = listed.flatMap((line) => line.trim().split(/\s+/)[2] ?? []);
  await box.run(["ping", "-c", "1", "-W", "2", REQUESTER]);
  await until("the control to be heard", () => uplink.output().includes("ICMP echo request"));
  const heard = uplink.output().match(/^.* IP .*$/gm) ?? [];
  await uplink.stop();

  const claim = async (at: string) => {
    const privateKey = makeWireGuardKey();
    await admit(wireGuardPublicKey(privateKey), at);
    const beganMs = performance.now();
    const served = pool.call<Served>("serve", {
      tunnel: {
        ...{ privateKey, peerKey: requesterKey, address: at, dns: undefined },
        endpoint: { address: REQUESTER, port: PORT },
      },
      ...{ sshKey, kbit: 100_000 },
    } satisfies ServeOrder);
    const banner = until(
      "SSH",
      () => withNetworkOf(requester, () => sshBanner(at, 22, undefined, 1_000)),
      PATIENCE_MS,
    );
    await Promise.race([banner, served]);
    await banner;
    const bannerMs = Math.round(performance.now() - beganMs);
    return { ...(await served), bannerMs, at };
  };
  const login = async ({ at, hostKey }: { at: string; hostKey: string }): Promise<Login> => {
    const ask =
      "head -c 32 /dev/urandom | base64; cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id /etc/machine-id";
    const said = await requester.tryRun(
      [
        ...["sh", "-c", `printf '%s\\n' "$1" >"$2"; shift 2; exec ssh "$@"`, "sh", `${at} ${hostKey}`],
        ...[join(lab.folder, `known-${at}`), "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes"],
        ...["-o", "BatchMode=yes", "-o", `UserKnownHostsFile=${join(lab.folder, `known-${at}`)}`],
        ...["-o", "StrictHostKeyChecking=yes", `root@${at}`, ask],
      ],
      { timeoutMs: 120_000, env: { SSH_AUTH_SOCK: "" } },
    );
    const [random = "", uuid = "", bootId = "", machineId = ""] = said.stdout.split("\n");
    if (bootId === "") throw new Error(`no login: ${said.stderr}`);
    return { hostKey, random, uuid, bootId, machineId };
  };

  const claims = [await claim("10.99.0.15"), await claim("10.99.0.16")];
  const restored = await claim("10.99.0.17");
  const claimedMs = performance.now();
  const logins = [];
  for (const one of [...claims, restored]) logins.push(await login(one));
  for (const { id } of [...claims, restored]) await pool.call("discard", id);
  await until("as many again", async () => (await pool.stock()).machines === KEEP, PATIENCE_MS);
  const refilledS = sinceS(claimedMs);
  await pool.call("press", ["memory"]);
  await until("the pool to give back", async () => (await pool.stock()).files === 0, PATIENCE_MS);
  const pressed = await pool.stock();
  await pool.call("stop");
  const leftAfterStop = await left();
  await pool.end();

  pool = await PoolBox.start(["nsenter", `--net=/run/netns/${box.name}`, "--"], order);
  await until("all to wait once more", async () => (await pool.stock()).machines === KEEP, PATIENCE_MS);
  const beforeKill = (await left()).length;
  await pool.end();
  const killedMs = performance.now();
  await until("nothing to be left", async () => (await left()).length === 0, 20_000).catch(() => undefined);
  const goneAfterKillS = sinceS(killedMs);
  const leftAfterKill = await left();
  await libvirt.stop();
  const { machines, files } = pressed;
  return {
    ...{ fileS, fullS, fileMiB, waitingLinks, waitingStates, logins, claims, restored, refilledS },
    ...{ leftAfterStop, beforeKill, leftAfterKill, goneAfterKillS, pressed: { machines, files } },
    heardOutside: heard.filter((line) => !line.includes("ICMP echo")).length,
    heardControl: heard.filter((line) => line.includes("ICMP echo request")).length,
  };
}

/** The image where QEMU's user may read it. @returns its manifest there */
function readable(folder: string): string {
  const into = join(dirname(folder), "image");
  mkdirSync(into, { recursive: true, mode: 0o755 });
  for (const name of ["kernel", "initrd.cpio", "base.raw", "manifest.json"]) {
    const from = join(dirname(manifest), name);
    if (!existsSync(from)) continue;
    copyFileSync(from, join(into, name));
    chmodSync(join(into, name), 0o644);
  }
  return join(into, "manifest.json");
}

async function serveTunnel(requester: LabHost): Promise<string> {
  requester.spawn(["wireguard-go", "-f", "obpool"]);
  await until("WireGuard", async () => (await requester.tryRun(["wg", "show", "obpool"])).exitCode === 0);
  const privateKey = makeWireGuardKey();
  await requester.run(["wg", "set", "obpool", "listen-port", String(PORT), "private-key", "/dev/stdin"], {
    input: privateKey,
  });
  await set(requester, `address add ${INSIDE}/24 dev obpool`, "link set obpool mtu 1420 up");
  return wireGuardPublicKey(privateKey);
}

const admit = (publicKey: string, address: string) =>
  run(["wg", "set", "obpool", "peer", publicKey, "allowed-ips", `${address}/32`]);

/** What there is of machines, whoever's. */
async function whatIsLeft(box: LabHost, folders: readonly string[]): Promise<string[]> {
  const processes = processTable().flatMap(({ argv, pid }) =>
    /qemu-system|wireguard-go/.test(argv[0] ?? "") && /omvm-|omw/.test(argv.join(" "))
      ? [`process ${pid} ${argv[0]}`]
      : [],
  );
  const namespaces = (await run(["ip", "netns", "list"])).match(/omvm-[0-9a-f]{10}/g) ?? [];
  const links =
    (await tryRun(["ip", "-n", box.name, "-o", "link"])).stdout.match(/om[tw][0-9a-f]{10}/g) ?? [];
  const files = folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").match(/\/disks\/[0-9a-f]{32}/g) ?? [];
  return [...processes, ...namespaces, ...links, ...files, ...mounts];
}

// Its process's number is the same in each run: of one that was killed the folder may be there.
rmSync(lab.folder, { recursive: true, force: true });
await lab.open();
const report = await story(await lab.host("box"), await lab.host("req"));
await lab.close();
console.log(JSON.stringify(report));
process.exit(0);
