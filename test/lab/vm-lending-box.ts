import { chmodSync, copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../src/host/run.ts";
import { type Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import { type PrivateLibvirtd, startPrivateLibvirtd } from "./private-libvirtd.ts";
import { vmGuestImage } from "./vm-guest-image.ts";
import type { LenderOrder } from "./vm-lender-process.ts";

/** What a lab with a box that lends needs. */
export const LENDING_NEEDS = [
  ...(["root", "x86-64", "program:libvirtd", "program:virsh", "program:qemu-system-x86_64"] as const),
  ...(["program:mmdebstrap", "program:nft", "program:wg", "program:wireguard-go"] as const),
] as const;

/** A box that lends, with its own libvirtd, as a process on a host of the lab. */
export class LendingBox {
  private process: LabProcess | undefined;

  private constructor(
    private readonly host: LabHost,
    private readonly libvirt: PrivateLibvirtd,
    private readonly command: readonly string[],
  ) {}

  /** Builds the image first where it is not there, which takes a while. It does not lend yet. */
  static async make(
    lab: Lab,
    host: LabHost,
    heardAt: string,
    more: Pick<LenderOrder, "forbidden" | "punishment"> = {},
  ): Promise<LendingBox> {
    const libvirt = await startPrivateLibvirtd(host);
    const image = await vmGuestImage("small");
    // Where QEMU's user may read them.
    const folder = join(libvirt.folder, "image");
    mkdirSync(folder);
    for (const from of [image.kernel, image.initrd, join(dirname(image.kernel), "manifest.json")]) {
      const to = join(folder, from.split("/").at(-1) ?? "");
      copyFileSync(from, to);
      chmodSync(to, 0o644);
    }
    chmodSync(folder, 0o755);
    mkdirSync(join(lab.folder, "lender"));
    const order: LenderOrder = {
      folder: join(lab.folder, "lender"),
      manifest: join(folder, "manifest.json"),
      heardAt,
      libvirt: {
        uri: libvirt.uri,
        owner: libvirt.owner,
        uid: Number(/\d+/.exec(libvirt.owner)?.[0]),
        ...(libvirt.partition === undefined ? {} : { partition: libvirt.partition }),
        isMemoryHeld: libvirt.holdsMemory,
        folder: libvirt.folder,
      },
      ...more,
    };
    const program = join(import.meta.dir, "vm-lender-process.ts");
    return new LendingBox(host, libvirt, [process.execPath, program, JSON.stringify(order)]);
  }

  async start(): Promise<void> {
    const started = this.host.spawn(this.command);
    this.process = started;
    await until("a box that lends", () => started.output().includes("lending"), 60_000).catch((error) => {
      throw new Error(`${error}: ${started.output()}`);
    });
  }

  /** Its namespaces are in its own mount namespace: who would see them by name must be there. */
  get pid(): number {
    if (!this.process) throw new Error("the box does not lend yet");
    return this.process.pid;
  }

  /** From now on by the usual policy. */
  punishAsUsual(): void {
    process.kill(this.pid, "SIGUSR2");
  }

  /** The last of what it has said. */
  words(): string {
    return this.process?.output().slice(-6_000) ?? "";
  }

  /** What of leases there is on the box. Empty: nothing. */
  async left(): Promise<string[]> {
    const domains = (await run(["virsh", "-c", this.libvirt.uri, "list", "--name"])).split("\n");
    return [
      ...domains.map((name) => name.trim()),
      ...((await run(["ip", "netns", "list"])).match(/omvm-\w+/g) ?? []),
      ...((await this.host.run(["ip", "-o", "link"])).match(/om[tw][0-9a-f]{10}/g) ?? []),
      ...readdirSync(this.libvirt.folder).filter((name) => name !== "image"),
    ].filter((name) => name !== "");
  }

  async stop(): Promise<void> {
    await this.process?.stop();
    await this.libvirt.stop();
  }
}
