import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { tryRun } from "../../src/host/run.ts";
import { canLimitMemory } from "../../src/vm/libvirt/memory-limit.ts";
import { type LabHost, type LabProcess, until } from "./lab.ts";

/** A libvirt of the lab's own, with QEMU: the machine's own libvirt, if it has one, is not touched. */
export interface PrivateLibvirtd {
  /** For `virConnectOpen`, and `virsh -c`. */
  readonly uri: string;
  readonly pid: number;
  /** User and group that QEMU runs as, in libvirt's form. It may read `folder`, and nothing of root's. */
  readonly owner: string;
  /** QEMU's user may write here; removed with the lab. */
  readonly folder: string;
  /** Before a command that is to know QEMU's user by name, as on a machine with libvirt's packages. */
  readonly knowsOwner: readonly string[];
  /** The control group for domains, `/name`; undefined where this machine's control groups cannot be used. */
  readonly partition: string | undefined;
  /** Whether it can hold a machine to its memory, on this machine. */
  readonly holdsMemory: boolean;
  log(): string;
  /** SIGKILL: QEMU goes on without it. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, over the same files. */
  restart(): Promise<void>;
  /** Ends it with all its domains, and removes its control groups. */
  stop(): Promise<void>;
}

/** Debian's user for QEMU (libvirt-daemon-system's postinst). That package is not needed here: it starts services. */
const QEMU_NAME = "libvirt-qemu";
const QEMU_USER = 64_055;

/**
 * Starts libvirtd in `host`'s network namespace, without systemd, and returns when it answers. Its processes and
 * QEMU's end with the namespace, so that the next run of the lab ends what a crashed one has left.
 * @throws when it does not answer within 60 s, with its log
 */
export async function startPrivateLibvirtd(host: LabHost): Promise<PrivateLibvirtd> {
  const base = `${host.lab.folder}/libvirt`;
  const folder = `${base}/vm`;
  for (const name of ["etc", "run", "lib", "cache", "log", "vm"])
    mkdirSync(`${base}/${name}`, { recursive: true });
  chownSync(folder, QEMU_USER, QEMU_USER);
  writeFileSync(`${base}/etc/libvirtd.conf`, libvirtdConf(`${base}/log/libvirtd.log`));
  writeFileSync(`${base}/etc/qemu.conf`, QEMU_CONF);
  // libvirt looks the user up by the name that Debian has built in, even when its configuration says another.
  for (const [file, entry] of [
    ["passwd", `${QEMU_NAME}:x:${QEMU_USER}:${QEMU_USER}::/:/usr/sbin/nologin`],
    ["group", `${QEMU_NAME}:x:${QEMU_USER}:`],
  ] as const) {
    const others = readFileSync(`/etc/${file}`, "utf8").split("\n");
    const rest = others.filter((line) => line !== "" && !line.startsWith(`${QEMU_NAME}:`));
    writeFileSync(`${base}/${file}`, `${[...rest, entry].join("\n")}\n`);
  }
  const group = `${host.name}.partition`;
  removeGroups(group);
  const hasGroups = makeGroups(group);
  const uri = `qemu+unix:///system?socket=${base}/run/libvirt-sock`;
  const log = () => {
    const path = `${base}/log/libvirtd.log`;
    return `${existsSync(path) ? readFileSync(path, "utf8") : ""}${daemon.output()}`;
  };
  const launch = async (): Promise<LabProcess> => {
    // Not `ip netns exec`, which mounts a /sys of its own, without control groups.
    const enter = [
      "nsenter",
      `--net=/run/netns/${host.name}`,
      "unshare",
      "--mount",
      "--propagation",
      "slave",
    ];
    const started = host.lab.spawn([...enter, "sh", "-euc", PRIVATE_SYSTEM, "sh", base]);
    const ended = started.exited.then((status) => ({ status }));
    await until(
      "libvirtd to answer",
      async () => {
        const over = await Promise.race([ended, Bun.sleep(0)]);
        if (over !== undefined)
          throw new Error(`libvirtd ended with status ${over.status}: ${started.output()}`);
        return (await tryRun(["virsh", "-c", uri, "version"], { timeoutMs: 30_000 })).exitCode === 0;
      },
      60_000,
    );
    return started;
  };
  let daemon = await launch();
  return {
    uri,
    get pid() {
      return daemon.pid;
    },
    owner: `+${QEMU_USER}:+${QEMU_USER}`,
    folder,
    knowsOwner: [...["unshare", "--mount", "--propagation", "slave", "sh", "-euc"], KNOWS_OWNER, "sh", base],
    partition: hasGroups ? `/${host.name}` : undefined,
    holdsMemory: canLimitMemory(readFileSync("/proc/self/status", "utf8")),
    log,
    kill: () => daemon.stop("SIGKILL"),
    async restart() {
      daemon = await launch();
    },
    async stop() {
      await daemon.stop();
      for (const pid of qemuPids(`${base}/run/qemu`)) endProcess(pid);
      await until("control groups to be left", () => removeGroups(group));
    },
  };
}

/**
 * Runs with $1 the folder of the lab's libvirt, in a mount namespace of its own.
 * - Its files are bound over the system's, so that it finds nothing of the machine's libvirt and leaves nothing there.
 * - Without a bus it asks neither systemd-machined for control groups nor firewalld for rules, where there are such.
 * - A /dev/kvm that exists and does not work makes it probe QEMU anew at each call, for up to a minute: the device is
 *   covered by one that nobody can open.
 */
const PRIVATE_SYSTEM = `
for part in etc/libvirt:etc run/libvirt:run var/lib/libvirt:lib var/cache/libvirt:cache var/log/libvirt:log; do
  mkdir -p "/\${part%%:*}"
  mount -n --bind "$1/\${part##*:}" "/\${part%%:*}"
done
for file in passwd group; do mount -n --bind "$1/$file" "/etc/$file"; done
if [ -e /dev/kvm ]; then
  touch "$1/no-kvm"
  chmod 0 "$1/no-kvm"
  mount -n --bind "$1/no-kvm" /dev/kvm
fi
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent
exec libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/libvirtd.pid
`;

/** $1 is the folder of the lab's libvirt, the rest a command. */
const KNOWS_OWNER = `
base="$1"
shift
for file in passwd group; do mount -n --bind "$base/$file" "/etc/$file"; done
exec "$@"
`;

const libvirtdConf = (log: string) => `unix_sock_group = "root"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:${log}"
`;

/**
 * QEMU without root; without a mount namespace of its own, which a container cannot give it; with its output in
 * files, since no virtlogd runs; with no notes on files' owners, for which tmpfs has no room.
 */
const QEMU_CONF = `user = "${QEMU_NAME}"
group = "${QEMU_NAME}"
security_driver = "none"
namespaces = []
stdio_handler = "file"
remember_owner = 0
`;

const CONTROL_GROUPS = "/sys/fs/cgroup";

/** Where control groups are made: one tree (v2), or one a controller (v1), with links among them. */
function hierarchies(): string[] {
  if (existsSync(join(CONTROL_GROUPS, "cgroup.controllers"))) return [CONTROL_GROUPS];
  if (!existsSync(CONTROL_GROUPS)) return [];
  return readdirSync(CONTROL_GROUPS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(CONTROL_GROUPS, entry.name))
    .filter((folder) => existsSync(join(folder, "cgroup.procs")));
}

/** @returns whether domains can be put there: libvirt makes no partition by itself (formatdomain, "Resource partitioning") */
function makeGroups(name: string): boolean {
  const folders = hierarchies();
  try {
    for (const folder of folders) {
      mkdirSync(join(folder, name), { recursive: true });
      // A new set of processors is empty, and takes nobody in (cpusets(7)).
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        if (!existsSync(join(folder, name, file)) || !folder.endsWith("/cpuset")) continue;
        writeFileSync(join(folder, name, file), readFileSync(join(folder, file)));
      }
    }
    return folders.length > 0;
  } catch {
    removeGroups(name);
    return false;
  }
}

/** @returns whether none is left; one with a process in it cannot be removed */
function removeGroups(name: string): boolean {
  return hierarchies()
    .map((folder) => removeGroup(join(folder, name)))
    .every((isGone) => isGone);
}

function removeGroup(folder: string): boolean {
  if (!existsSync(folder)) return true;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(folder, entry.name));
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/** libvirt's own notes of the domains that run. */
function qemuPids(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".pid"))
    .map((name) => Number(readFileSync(join(folder, name), "utf8")))
    .filter((pid) => readComm(pid).startsWith("qemu-system"));
}

/** The name of a process; empty when there is none. */
export function readComm(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
