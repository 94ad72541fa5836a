import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { run, tryRun } from "../../src/host/run.ts";
import { leaseNames } from "../../src/vm/guest-link.ts";
import { SYSTEM_GROUNDS } from "../../src/vm/reaper/find-belongings.ts";
import type { ReaperOrder } from "../../src/vm/reaper/reaper-order.ts";
import { until } from "./lab.ts";

const FOLDER = process.env.OMERTA_REAPER_LAB ?? "/nowhere";
export const PLACES = {
  run: join(FOLDER, "run"),
  state: join(FOLDER, "state"),
  overlays: join(FOLDER, "overlays"),
  pids: join(FOLDER, "pids"),
  precious: join(FOLDER, "precious"),
};
/** Of the lab's own, below the root of a hierarchy. */
export const CGROUP_PARENT = "omb-vm-reaper";

export const placesOrder = (): ReaperOrder => ({
  runFolder: PLACES.run,
  grounds: {
    folders: [...SYSTEM_GROUNDS.folders, PLACES.run, PLACES.overlays],
    pidFolders: [PLACES.pids],
    cgroupParents: [CGROUP_PARENT],
    // Another lab's would be met as well.
    hasVolumes: false,
  },
  libvirtUri: "test:///default",
  graceMs: 0,
});

const hasWireGuardGo = Bun.which("wireguard-go") !== null;

/**
 * A process that calls itself something else and sleeps, with its parent gone, as libvirtd's machines are no children of ours.
 * @param pidFile where its number stands before it has its name: whoever is killed meanwhile leaves none without it
 */
async function sleeper(
  words: readonly string[],
  inside: readonly string[] = [],
  pidFile = "/dev/null",
): Promise<number> {
  const [name = "", ...rest] = words;
  const script =
    'file=$1; name=$2; shift 2; (echo $BASHPID >"$file"; exec -a "$name" perl -e "sleep 60 while 1" -- "$@") </dev/null >/dev/null 2>&1 & echo $!';
  return Number(await run([...inside, "setsid", "bash", "-c", script, "bash", pidFile, name, ...rest]));
}

/** The folder of the lab's cgroups; undefined where this machine lets nobody make one. */
export function cgroupFolder(): string | undefined {
  const roots = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
  const root = roots.find((path) => existsSync(join(path, "cgroup.procs")));
  if (root === undefined) return undefined;
  try {
    mkdirSync(join(root, CGROUP_PARENT), { recursive: true });
    return join(root, CGROUP_PARENT);
  } catch {
    return undefined;
  }
}

/** The tunnel's interface, of wireguard-go where there is one. Its process is this one's child, as in the daemon. */
async function makeTunnel(name: string): Promise<void> {
  if (!hasWireGuardGo) return void (await run(["ip", "tuntap", "add", name, "mode", "tun"]));
  Bun.spawn(["wireguard-go", "-f", name], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  await until(`${name} to be there`, async () => (await tryRun(["ip", "link", "show", name])).exitCode === 0);
}

/** All that a lease has on a machine. @param isMoved whether its interfaces are in its namespace already */
export async function makeBelongings(lease: string, isMoved: boolean): Promise<void> {
  const { namespace, tap, tunnel, domain } = leaseNames(lease);
  const tag = lease.slice(0, 10);
  const own = join(PLACES.run, lease);
  mkdirSync(join(own, "base"), { recursive: true });
  writeFileSync(join(PLACES.overlays, `${domain}.qcow2`), "a guest's disk");
  await run(["ip", "netns", "add", namespace]);
  await run(["ip", "tuntap", "add", tap, "mode", "tap"]);
  await makeTunnel(tunnel);
  if (isMoved) for (const link of [tap, tunnel]) await run(["ip", "link", "set", link, "netns", namespace]);
  await sleeper(["qemu-system-x86_64", "-name", `guest=${domain},debug-threads=on`, "-S"]);
  await sleeper(["qemu-system-x86_64", "-uuid", `unnamed ${tag}`], [], join(PLACES.pids, `${domain}.pid`));
  await sleeper(["nft", "monitor", `for ${tag}`], ["ip", "netns", "exec", namespace]);
  const groups = cgroupFolder();
  if (groups !== undefined) {
    const group = join(groups, `qemu-1-${domain}.libvirt-qemu`, "emulator");
    mkdirSync(group, { recursive: true });
    writeFileSync(join(group, "cgroup.procs"), String(await sleeper(["swtpm", `for ${tag}`])));
  }
  const medium = join(PLACES.overlays, lease);
  mkdirSync(medium);
  await run(["mount", "-t", "tmpfs", "tmpfs", medium]);
  writeFileSync(join(medium, "disk"), "a guest's disk");
  await run(["mount", "--bind", PLACES.precious, join(own, "base")]);
  // Killed with this process, its socket stays.
  createServer().listen(join(PLACES.run, `${domain}.sock`));
}

/** What there is on this machine of leases, by other means than the reaper's: lines in which their tags are. */
export async function traces(tags: readonly string[]): Promise<string[]> {
  const asked = await Promise.all([
    run(["ip", "netns", "list"]),
    run(["ip", "-o", "link"]),
    run(["ps", "-eo", "pid,stat,args", "--no-headers"]),
    run(["mount"]),
    run(["find", PLACES.run, PLACES.overlays, "/run/wireguard", "/run/netns"]),
  ]);
  const groups = cgroupFolder();
  const lines = [...asked.flatMap((text) => text.split("\n")), ...(groups ? readdirSync(groups) : [])];
  // Ended, and waiting for a parent that collects it.
  const isZombie = (line: string) => /^\s*\d+ Z/.test(line);
  return lines.filter((line) => tags.some((tag) => line.includes(tag)) && !isZombie(line));
}

/** What looks like a lease's and is none. @returns tells what is missing of it */
export async function makeBystanders(): Promise<() => Promise<string[]>> {
  const namespaces = ["bystander", "omvm-notours", "omvm-0123456789a"];
  const links = ["omt-00000001", "omtap0", "omw012345678"];
  for (const name of namespaces) await run(["ip", "netns", "add", name]);
  for (const name of links) await run(["ip", "tuntap", "add", name, "mode", "tap"]);
  const pids = [
    await sleeper(["qemu-system-x86_64", "-name", "guest=omvm-0123456789a,debug-threads=on"]),
    await sleeper(["qemu-system-x86_64", "-name", "work", "-drive", "file=omvm-0123456789.qcow2"]),
    await sleeper(["wireguard-go", "-f", "omt-00000001"]),
    await sleeper(["vi", "omvm-0123456789.xml"]),
    await sleeper(["tcpdump"], ["ip", "netns", "exec", "omvm-notours"]),
  ];
  const files = [
    join(PLACES.precious, "base.img"),
    join(PLACES.run, "desk.sock"),
    join(PLACES.run, "omvm-notes"),
    join(PLACES.overlays, "base-0123456789.img"),
    join(PLACES.overlays, `${"0".repeat(33)}`),
  ];
  for (const file of files) writeFileSync(file, "not a lease's");
  return async () => {
    const there = await run(["ip", "netns", "list"]);
    const missing = namespaces.filter((name) => !there.split(/\s+/).includes(name));
    for (const name of links)
      if ((await tryRun(["ip", "link", "show", name])).exitCode !== 0) missing.push(name);
    for (const pid of pids) if (!existsSync(`/proc/${pid}`)) missing.push(`process ${pid}`);
    return [...missing, ...files.filter((file) => !existsSync(file))];
  };
}
