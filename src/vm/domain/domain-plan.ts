/** How the guest's processor is had. */
export type Accelerator = "kvm" | "emulation";

/** Processor families of machines that are lent, in Node's words (process.arch). */
export type Architecture = "x64" | "arm64";

/** All that libvirt and QEMU are told of one virtual machine. */
export interface DomainPlan {
  /** `leaseNames(lease).domain`. */
  name: string;
  /** 36 characters (RFC 9562), the lease's own: a domain that was left over is known by it as well. */
  uuid: string;
  architecture: Architecture;
  accelerator: Accelerator;
  /** Pinned, since a saved machine can be restored on no other; undefined: `MACHINES`. */
  machine?: string;
  /** Undefined: `EMULATORS`. */
  emulator?: string;
  vcpus: number;
  memoryMiB: number;
  boot: {
    /** Absolute paths. No domain writes to them. */
    kernel: string;
    initrd: string | undefined;
    /** Whoever is in the guest can read it: no secrets. */
    commandLine: string;
  };
  /** Its overlay over a read-only base, absolute path of a qcow2 file; undefined: it has no disk. */
  disk: string | undefined;
  /** The TAP, made beforehand; undefined: no network at all. */
  tap: string | undefined;
  /** Where the guest's agent is reached: absolute path of a Unix socket that libvirt makes, at most 107 bytes. */
  agentSocket: string;
  /**
   * The same for the serial console; undefined: what the guest writes there is thrown away. A file would grow with
   * whatever the guest writes; a socket keeps nothing, and whoever listens bounds what it takes.
   */
  consoleSocket: string | undefined;
  limits: {
    /** Whether the kernel ends it when it takes more memory than was planned: where `canLimitMemory` says so. */
    isMemoryHeld: boolean;
    /** Processor time that it gets at the most, in hundredths of one processor; undefined: as its vCPUs can take. */
    cpuPercent: number | undefined;
    /** Against other domains of the same group; the kernel's default is 1024 (cgroup v1) or 100 (v2). */
    shares: number | undefined;
  };
  /** The control group that all domains are in, `/name`, which must be there; undefined: libvirt's own. */
  partition: string | undefined;
  /**
   * User and group of QEMU in libvirt's form, such as `libvirt-qemu:libvirt-qemu` or `+64055:+64055`. libvirt then
   * changes the owner of no file: kernel and base are shared, and giving them back when one domain ends would take
   * them from the next. Undefined: as libvirt is configured.
   */
  owner: string | undefined;
}

/** What can be asked of QEMU 7.2, Debian 12's, and of every later one (QEMU keeps machine types for years). */
export const MACHINES: Record<Architecture, string> = { x64: "pc-q35-7.2", arm64: "virt-7.2" };

export const EMULATORS: Record<Architecture, string> = {
  x64: "/usr/bin/qemu-system-x86_64",
  arm64: "/usr/bin/qemu-system-aarch64",
};

/** The name under which the guest finds its agent's line, in /dev/virtio-ports. */
export const AGENT_PORT = "omerta.agent";

/** A plan that cannot be made true. */
export class DomainPlanError extends Error {
  override readonly name = "DomainPlanError";
  constructor(
    readonly field: string,
    reason: string,
  ) {
    super(`${field}: ${reason}`);
  }
}

/** sun_path of struct sockaddr_un without its end (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;
/** Linux takes 2,048 on x86-64 and arm64 (COMMAND_LINE_SIZE). */
const MAX_COMMAND_LINE = 2_047;

/** @throws {DomainPlanError} for the first field that libvirt, QEMU or the kernel would refuse, or take otherwise */
export function checkDomainPlan(plan: DomainPlan): void {
  const { boot, limits } = plan;
  must(/^[a-z][a-z0-9-]{0,49}$/.test(plan.name), "name", "letters, digits and hyphens");
  must(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(plan.uuid), "uuid", "lower-case UUID");
  must(plan.machine === undefined || /^[a-z0-9.-]{1,32}$/.test(plan.machine), "machine", "a machine type");
  mustBeCount(plan.vcpus, 1, 64, "vcpus");
  mustBeCount(plan.memoryMiB, 16, 1_048_576, "memoryMiB");
  mustBePath(plan.emulator, "emulator");
  mustBePath(boot.kernel, "boot.kernel");
  mustBePath(boot.initrd, "boot.initrd");
  must(
    new RegExp(`^[\\x20-\\x7e]{0,${MAX_COMMAND_LINE}}$`).test(boot.commandLine),
    "boot.commandLine",
    `up to ${MAX_COMMAND_LINE} printable ASCII characters`,
  );
  mustBePath(plan.disk, "disk");
  must(plan.tap === undefined || /^[a-z][a-z0-9]{0,14}$/.test(plan.tap), "tap", "an interface's name");
  mustBeSocket(plan.agentSocket, "agentSocket");
  mustBeSocket(plan.consoleSocket, "consoleSocket");
  if (limits.cpuPercent !== undefined) mustBeCount(limits.cpuPercent, 1, 6_400, "limits.cpuPercent");
  // cgroup v2, cpu.weight: libvirt hands the number through.
  if (limits.shares !== undefined) mustBeCount(limits.shares, 2, 10_000, "limits.shares");
  must(
    plan.partition === undefined || /^\/[a-z][a-z0-9_-]{0,31}$/.test(plan.partition),
    "partition",
    "/ and one name",
  );
  must(
    plan.owner === undefined || /^[+a-z][a-z0-9_-]{0,31}:[+a-z][a-z0-9_-]{0,31}$/.test(plan.owner),
    "owner",
    "user:group",
  );
}

function must(isSo: boolean, field: string, what: string): void {
  if (!isSo) throw new DomainPlanError(field, `must be ${what}`);
}

function mustBeCount(value: number, least: number, most: number, field: string): void {
  must(Number.isInteger(value) && value >= least && value <= most, field, `${least} to ${most}`);
}

function mustBePath(value: string | undefined, field: string): void {
  // Commas part options on QEMU's command line; libvirt doubles them, but nothing of ours needs one.
  const isPath = value === undefined || /^\/[\x20-\x2b\x2d-\x7e]{1,1023}$/.test(value);
  must(isPath && !value?.split("/").includes(".."), field, "an absolute path of printable ASCII characters");
}

function mustBeSocket(value: string | undefined, field: string): void {
  mustBePath(value, field);
  must((value?.length ?? 0) <= MAX_SOCKET_PATH_BYTES, field, `at most ${MAX_SOCKET_PATH_BYTES} bytes`);
}
