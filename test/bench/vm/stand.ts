import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../../src/host/run.ts";
import { readControllerPlaces, VmsGroup } from "../../../src/vm/host-first/index.ts";
import type { VmImage } from "../../../src/vm/image/index.ts";
import { readVmImage } from "../../../src/vm/image/index.ts";
import { type Lab, type LabHost, type LabProcess, until } from "../../lab/lab.ts";
import { type PrivateLibvirtd, startPrivateLibvirtd } from "../../lab/private-libvirtd.ts";
import { vmGuestImage } from "../../lab/vm-guest-image.ts";
import { type Home, makeHome, set } from "../../lab/vm-requester.ts";

/** Of the cable between box and requester by which throughput is measured, with nothing on the way. */
export const STRAIGHT = { box: "192.0.2.1", requester: "192.0.2.2" } as const;

/** A box that lends and a requester, in namespaces, with a libvirt of their own. */
export class VmStand {
  private constructor(
    readonly lab: Lab,
    readonly home: Home,
    readonly libvirt: PrivateLibvirtd,
    readonly image: VmImage,
    readonly manifest: string,
    /** Folder and public key. */
    readonly key: string,
    readonly sshKey: string,
    private readonly keeper: LabProcess,
  ) {}

  static async open(lab: Lab): Promise<VmStand> {
    const { kernel } = await vmGuestImage("small");
    const home = await makeHome(lab);
    await lab.cable(home.host, "straight", home.requester, "straight");
    await set(home.host, `address add ${STRAIGHT.box}/30 dev straight`);
    await set(home.requester, `address add ${STRAIGHT.requester}/30 dev straight`);
    const libvirt = await startPrivateLibvirtd(home.host);
    const manifest = readable(dirname(kernel), join(dirname(libvirt.folder), "image"));
    const key = join(lab.folder, "key");
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]);
    // A sweep of the box's finds its own namespaces, and none of another run, or of a box that lends on this machine.
    const keeper = home.host.spawn([
      ...["unshare", "--mount", "--propagation", "slave", "sh", "-ec"],
      "for path in /run/netns /run/wireguard; do mkdir -p $path; mount -t tmpfs none $path; done; echo kept; exec sleep infinity",
    ]);
    await until("the box's own folders", () => keeper.output().includes("kept"));
    const sshKey = readFileSync(`${key}.pub`, "utf8").trim();
    return new VmStand(lab, home, libvirt, readVmImage(manifest), manifest, key, sshKey, keeper);
  }

  /** The way to the box, with its own namespaces of machines. */
  get enter(): string[] {
    return ["nsenter", "--target", String(this.keeper.pid), "--mount", "--net", "--"];
  }

  get box(): LabHost {
    return this.home.host;
  }

  get requester(): LabHost {
    return this.home.requester;
  }

  /** What processes of the box are told of libvirt. */
  get libvirtOrder() {
    const { uri, owner, partition, holdsMemory, folder } = this.libvirt;
    return {
      ...{ uri, owner, uid: Number(/\d+/.exec(owner)?.[0]), isMemoryHeld: holdsMemory, folder },
      ...(partition === undefined ? {} : { partition }),
      pidFolder: join(dirname(folder), "run/qemu"),
    };
  }

  /** As the daemon has it: machines get what the box leaves over. @returns what the kernel keeps to */
  putLast(): string | undefined {
    const { partition } = this.libvirt;
    if (partition === undefined) return undefined;
    const group = new VmsGroup(readControllerPlaces(), `${partition.slice(1)}.partition`);
    const inForce = group.apply({ memoryMaxMiB: undefined, memoryHighMiB: undefined });
    return inForce.find(({ aim }) => aim === "cpu")?.means;
  }

  folder(name: string): string {
    const folder = join(this.lab.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Runs a command in a machine, whatever its own key is. */
  ssh(address: string, command: string, timeoutMs = 120_000): Promise<string> {
    return this.requester.run(this.sshCommand(address, command), { timeoutMs, env: { SSH_AUTH_SOCK: "" } });
  }

  /** What does so, in the requester's namespace. */
  sshCommand(address: string, command: string): string[] {
    const options = [
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
      "BatchMode=yes",
    ];
    return [
      ...["ssh", "-F", "none", "-i", this.key, "-o", "IdentitiesOnly=yes"],
      ...options.flatMap((option) => ["-o", option]),
      ...[`root@${address}`, command],
    ];
  }

  async close(): Promise<void> {
    await this.libvirt.stop();
  }
}

/** The image where QEMU's user may read it. @returns its manifest there */
export function readable(from: string, into: string): string {
  mkdirSync(into, { recursive: true, mode: 0o755 });
  for (const name of ["kernel", "initrd.cpio", "base.raw", "manifest.json"]) {
    if (!existsSync(join(from, name))) continue;
    copyFileSync(join(from, name), join(into, name));
    chmodSync(join(into, name), 0o644);
  }
  return join(into, "manifest.json");
}
