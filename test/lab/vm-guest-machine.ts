import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GuestAgent } from "../../src/vm/guest-agent/index.ts";
import { GUEST_LINK } from "../../src/vm/guest-link.ts";
import type { Lab, LabHost, LabProcess } from "./lab.ts";
import type { VmGuestImage } from "./vm-guest-image.ts";
import { QemuMonitor } from "./vm-guest-monitor.ts";

export interface VmGuestOptions {
  /** A file that the machine goes on from, paused; else it boots. */
  from?: string;
  /** A raw disk of its own. */
  disk?: string;
}

/** One machine of an image in emulation, with a TAP in a namespace of its own and nothing of libvirt. */
export class VmGuestMachine {
  readonly agent: GuestAgent;
  readonly agentSocket: string;

  private constructor(
    readonly host: LabHost,
    private readonly qemu: LabProcess,
    private readonly monitor: QemuMonitor,
    private readonly folder: string,
  ) {
    this.agentSocket = join(folder, `${host.name}.agent`);
    this.agent = new GuestAgent(this.agentSocket);
  }

  static async start(
    lab: Lab,
    name: string,
    image: VmGuestImage,
    options: VmGuestOptions = {},
  ): Promise<VmGuestMachine> {
    const host = await lab.host(name);
    // The host's end of a TAP speaks IPv6 as soon as it is up.
    const tap = `
      ip tuntap add dev tap0 mode tap
      sysctl -qw net.ipv6.conf.tap0.disable_ipv6=1
      ip link set tap0 address ${GUEST_LINK.gatewayMacAddress} mtu ${GUEST_LINK.mtu} up
      ip addr add ${GUEST_LINK.gatewayAddress}/${GUEST_LINK.prefixLength} dev tap0`;
    await host.run(["sh", "-e"], { input: tap });
    const path = (kind: string) => join(lab.folder, `${host.name}.${kind}`);
    const qemu = host.spawn(["setpriv", "--pdeathsig=KILL", ...qemuCommand(image, path, options)]);
    const monitor = await QemuMonitor.open(path("monitor")).catch((error: unknown) => {
      throw new Error(`${error}\n${qemu.output()}`);
    });
    if (options.from !== undefined) {
      await monitor.execute("migrate-incoming", { uri: `exec:cat ${options.from}` });
      await monitor.migrated();
    }
    return new VmGuestMachine(host, qemu, monitor, lab.folder);
  }

  /** Lets a machine that went on from a file run. */
  async resume(): Promise<void> {
    await this.monitor.execute("cont");
  }

  /** Writes all of it into a file, and ends it. */
  async saveTo(file: string): Promise<void> {
    await this.monitor.execute("stop");
    await this.monitor.execute("migrate", { uri: `exec:cat >${file}` });
    await this.monitor.migrated();
    await this.stop();
  }

  /** Resolves when it has turned itself off. */
  ended(): Promise<number> {
    return this.qemu.exited;
  }

  async stop(): Promise<void> {
    this.agent.close();
    await this.qemu.stop("SIGKILL");
  }

  console(): string {
    const file = join(this.folder, `${this.host.name}.console`);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** Runs a command in the machine as who holds a key does. The machine must have this key of its own. */
  ssh(
    key: string,
    hostKey: string,
    command: string,
    options: readonly string[] = [],
  ): ReturnType<LabHost["tryRun"]> {
    const known = join(this.folder, `${this.host.name}.known`);
    const login = `root@${GUEST_LINK.guestAddress}`;
    const script = `printf '%s\\n' "$1" >"$2"; shift 2; exec ssh "$@"`;
    return this.host.tryRun(
      [
        ...["sh", "-c", script, "sh", `${GUEST_LINK.guestAddress} ${hostKey}`, known],
        ...["-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"],
        ...["-o", `UserKnownHostsFile=${known}`, "-o", "StrictHostKeyChecking=yes"],
        ...["-o", "ConnectTimeout=120", ...options, login, command],
      ],
      { timeoutMs: 180_000, env: { SSH_AUTH_SOCK: "" } },
    );
  }
}

function qemuCommand(
  image: VmGuestImage,
  path: (kind: string) => string,
  { from, disk }: VmGuestOptions,
): string[] {
  const { guestMacAddress, mtu } = GUEST_LINK;
  return [
    "qemu-system-x86_64",
    ...["-machine", "q35,sata=off,usb=off,smbus=off", "-cpu", "Nehalem", "-accel", "tcg,tb-size=64"],
    ...["-m", disk === undefined ? "128" : "256", "-nodefaults", "-no-user-config", "-no-reboot"],
    ...["-display", "none", "-monitor", "none", "-serial", `file:${path("console")}`],
    ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", image.kernelCommandLine],
    ...["-qmp", `unix:${path("monitor")},server=on,wait=off`],
    ...["-device", "virtio-serial", "-chardev", `socket,id=agent,path=${path("agent")},server=on,wait=off`],
    ...["-device", "virtserialport,chardev=agent,name=omerta.agent"],
    ...["-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no"],
    ...["-device", `virtio-net-pci,netdev=net,romfile=,mac=${guestMacAddress},host_mtu=${mtu}`],
    ...["-device", "virtio-rng-pci"],
    ...(disk === undefined ? [] : ["-drive", `file=${disk},format=raw,if=virtio,cache=unsafe`]),
    ...(from === undefined ? [] : ["-S", "-incoming", "defer"]),
  ];
}
