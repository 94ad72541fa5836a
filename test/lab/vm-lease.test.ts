import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../src/host/run.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, type LabProcess, until } from "./lab.ts";
import { type PrivateLibvirtd, startPrivateLibvirtd } from "./private-libvirtd.ts";
import { vmGuestImage } from "./vm-guest-image.ts";
import type { LenderOrder } from "./vm-lender-process.ts";
import { HOST, type Home, INTERNET, leftOf, makeHome, REQUESTER, WEB_PORT } from "./vm-requester.ts";

const NEEDS = [
  ...(["root", "x86-64", "program:libvirtd", "program:virsh", "program:qemu-system-x86_64"] as const),
  ...([
    "program:mmdebstrap",
    "program:nft",
    "program:wg",
    "program:wireguard-go",
    "program:dnsmasq",
  ] as const),
  ...(["program:curl", "program:ssh", "program:ssh-keygen"] as const),
];
/** In emulation, on a machine that may do much else. */
const PATIENCE_MS = 120_000;

describeNeeding(NEEDS, "a virtual machine that one lends to another", () => {
  const lab = new Lab("vmlend");
  let home: Home;
  let libvirt: PrivateLibvirtd;
  let lender: LabProcess;
  let command: string[] = [];
  const file = (name: string) => join(lab.folder, name);

  async function startLender(): Promise<void> {
    lender = home.host.spawn(command);
    await until("a box that lends", () => lender.output().includes("lending"), 60_000).catch((error) => {
      throw new Error(`${error}: ${lender.output()}`);
    });
  }

  /** A requester whose machine answers. */
  async function ready(): Promise<{ requester: LabProcess; ssh(command: string): Promise<string> }> {
    const key = readFileSync(file("key.pub"), "utf8").trim();
    const requester = home.requester.spawn([
      ...[process.execPath, join(import.meta.dir, "vm-requester-lease.ts")],
      ...[file("state"), HOST, key, REQUESTER],
    ]);
    const words = () => `${requester.output()}\n${lender.output().slice(-6_000)}`;
    await until("SSH", () => /^(ready|ended) /m.test(requester.output()), PATIENCE_MS).catch((error) => {
      throw new Error(`${error}: ${words()}`);
    });
    const [, address = ""] = /^ready (\S+) SSH-2\.0/m.exec(requester.output()) ?? [];
    if (address === "") throw new Error(words());
    console.log(
      requester
        .output()
        .match(/^step .*$/gm)
        ?.join(", "),
    );
    const options = [
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
      "BatchMode=yes",
    ];
    const ssh = (said: string) =>
      home.requester.run(
        ["ssh", "-i", file("key"), ...options.flatMap((option) => ["-o", option]), `root@${address}`, said],
        { timeoutMs: 30_000 },
      );
    return { requester, ssh };
  }

  const domains = async () => (await run(["virsh", "-c", libvirt.uri, "list", "--name"])).trim();
  /** What of leases there is on the box. */
  const left = async () =>
    [
      await domains(),
      ...((await run(["ip", "netns", "list"])).match(/omvm-\w+/g) ?? []),
      ...((await home.host.run(["ip", "-o", "link"])).match(/om[tw][0-9a-f]{10}/g) ?? []),
      ...readdirSync(libvirt.folder).filter((name) => name !== "image"),
    ].filter((name) => name !== "");

  /** @returns seconds until there is nothing */
  async function untilNothing(what: () => Promise<string | readonly string[]>): Promise<string> {
    const sinceMs = performance.now();
    await until("nothing to be left", async () => (await what()).length === 0, PATIENCE_MS);
    return ((performance.now() - sinceMs) / 1_000).toFixed(2);
  }

  beforeAll(async () => {
    await lab.open();
    home = await makeHome(lab);
    libvirt = await startPrivateLibvirtd(home.host);
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
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file("key")]);
    mkdirSync(file("state"));
    mkdirSync(file("lender"));
    const order: LenderOrder = {
      folder: file("lender"),
      manifest: join(folder, "manifest.json"),
      heardAt: HOST,
      libvirt: {
        uri: libvirt.uri,
        owner: libvirt.owner,
        uid: Number(/\d+/.exec(libvirt.owner)?.[0]),
        ...(libvirt.partition === undefined ? {} : { partition: libvirt.partition }),
        isMemoryHeld: libvirt.holdsMemory,
        folder: libvirt.folder,
      },
    };
    command = [process.execPath, join(import.meta.dir, "vm-lender-process.ts"), JSON.stringify(order)];
    await startLender();
  }, 900_000);
  afterAll(async () => {
    await lender?.stop("SIGKILL");
    await libvirt?.stop();
    await lab.close();
  }, 60_000);

  test("is reached by SSH through the requester's tunnel, sees the internet from there, and nothing of it is left when it is released", async () => {
    const { requester, ssh } = await ready();
    expect((await ssh("uname -s")).trim()).toBe("Linux");
    expect((await ssh(`wget -q -O - http://${INTERNET}:${WEB_PORT}/`)).trim()).toBe(`hello ${REQUESTER}`);
    // Past its tunnel there is nothing, and who tries is seen.
    expect((await ssh(`ping -q -c 1 -W 1 ${HOST} >/dev/null && echo reached || echo not`)).trim()).toBe(
      "not",
    );
    expect(await left()).toHaveLength(3);
    await requester.stop();
    expect(requester.output()).toContain("stopped");
    expect(await leftOf(home.requester, join(file("state"), "run"))).toEqual([]);
    console.log(`released: nothing left after ${await untilNothing(left)} s more`);
  }, 300_000);

  test("ends with the daemon that lent it, whose next one takes away the rest", async () => {
    const { requester } = await ready();
    await lender.stop("SIGKILL");
    console.log(`daemon killed: no machine after ${await untilNothing(async () => await domains())} s`);
    await startLender();
    expect(await left()).toEqual([]);
    await until("its requester to know", () => requester.output().includes("step ended"), 60_000);
    await requester.stop();
  }, 300_000);

  test("is in the journal from its admission to its end, with what it was for", async () => {
    await lender.stop();
    const [line = "[]"] = lender.output().match(/^\[\{.*$/m) ?? [];
    const entries = JSON.parse(line) as { kind: string; detail: Record<string, unknown> }[];
    const steps = entries.map(({ kind, detail }) =>
      `${kind} ${detail.outcome ?? detail.offence ?? ""}`.trim(),
    );
    expect(steps).toEqual([
      ...["lease-allowed", "lease-rogue destination", "lease-ended released"],
      ...["lease-allowed", "lease-ended swept"],
    ]);
    for (const { kind, detail } of entries)
      if (kind !== "lease-rogue") expect(detail).toMatchObject({ activity: "a lab that tries leases" });
    const { evidence } = entries.find(({ kind }) => kind === "lease-rogue")?.detail ?? {};
    expect(evidence).toMatchObject({ src: "10.0.2.15", dst: HOST });
  }, 60_000);
});
