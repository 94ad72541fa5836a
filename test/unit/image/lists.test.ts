import { expect, test } from "bun:test";
import { asBeside, namedBeside } from "../../../image-build/app/bundle.ts";
import { sourceLines } from "../../../image-build/debian/sources.ts";
import { fitting } from "../../../image-build/kernel/firmware.ts";
import { moduleInfo, selectModules } from "../../../image-build/kernel/module-list.ts";
import { installedPackages } from "../../../image-build/paper/debian-packages.ts";
import { spdxDocument } from "../../../image-build/paper/sbom.ts";
import { enablingLinks } from "../../../image-build/rootfs/units.ts";

test("Debian 13 comes from where this machine has its own Debian, whatever release that is", () => {
  const targets = [
    { origin: "Debian", uri: "http://mirror.example/debian/", suite: "bookworm" },
    { origin: "Debian", uri: "http://mirror.example/debian", suite: "bookworm" },
    { origin: "Debian", uri: "http://mirror.example/debian", suite: "bookworm-updates" },
    { origin: "Debian Backports", uri: "http://mirror.example/debian", suite: "bookworm-backports" },
    { origin: "Debian", uri: "http://mirror.example/debian-security", suite: "bookworm-security" },
    { origin: "Node Source", uri: "https://other.example/node", suite: "nodistro" },
  ];
  expect(sourceLines(targets, "trixie")).toEqual([
    "deb http://mirror.example/debian trixie main non-free-firmware",
    "deb http://mirror.example/debian trixie-updates main non-free-firmware",
    "deb http://mirror.example/debian-security trixie-security main non-free-firmware",
  ]);
});

test("without a Debian of its own a machine names no mirror", () => {
  expect(
    sourceLines([{ origin: "Ubuntu", uri: "http://mirror.example/u", suite: "noble" }], "trixie"),
  ).toEqual([]);
});

test("modules are taken by folder and by name, left out, built in, or told as unknown", () => {
  const paths = [
    "fs/ext4/ext4.ko.xz",
    "net/netfilter/nf_tables.ko.xz",
    "net/netfilter/ipvs/ip_vs.ko.xz",
    "crypto/crc32c-generic.ko.xz",
  ];
  const list = "ext4 # the data\nnet/netfilter/\n-net/netfilter/ipvs/\ncrc32c_generic\nvirtio_pci\nnothing";
  const { files, unknown } = selectModules(list, paths, "kernel/drivers/virtio/virtio_pci.ko\n");
  expect(files.map(({ name }) => name)).toEqual(["ext4", "nf_tables", "crc32c_generic"]);
  expect(unknown).toEqual(["nothing"]);
});

test("what a module says of itself is read to its end", () => {
  const module = Buffer.from("\x7fELF\0depends=crc16,mbcache\0firmware=a/b.bin\0firmware=a/*.bin");
  expect(moduleInfo(module, "depends")).toEqual(["crc16,mbcache"]);
  expect(moduleInfo(module, "firmware")).toEqual(["a/b.bin", "a/*.bin"]);
  expect(moduleInfo(module, "alias")).toEqual([]);
});

test("of firmware with versions the newest that the driver knows is taken", () => {
  const all = [
    "iwlwifi-ty-a0-59.ucode",
    "iwlwifi-ty-a0-72.ucode",
    "iwlwifi-ty-a0-99.ucode",
    "brcm/a.bin",
    "brcm/b.txt",
  ];
  expect(fitting("iwlwifi-ty-a0-89.ucode", all)).toEqual(["iwlwifi-ty-a0-72.ucode"]);
  expect(fitting("iwlwifi-ty-a0-59.ucode", all)).toEqual(["iwlwifi-ty-a0-59.ucode"]);
  expect(fitting("brcm/*", all)).toEqual(["brcm/a.bin", "brcm/b.txt"]);
  expect(fitting("brcm/c.bin", all)).toEqual([]);
});

test("a unit starts as its own [Install] says, and by nothing else", () => {
  const text =
    "[Unit]\nWantedBy=never.target\n[Install]\nWantedBy=multi-user.target network.target\nAlias=dbus-x.service\n[X]\nWantedBy=no.target\n";
  expect(enablingLinks("usr/lib/systemd/system/x.service", text)).toEqual([
    {
      path: "etc/systemd/system/multi-user.target.wants/x.service",
      is: { link: "/usr/lib/systemd/system/x.service" },
    },
    {
      path: "etc/systemd/system/network.target.wants/x.service",
      is: { link: "/usr/lib/systemd/system/x.service" },
    },
    { path: "etc/systemd/system/dbus-x.service", is: { link: "/usr/lib/systemd/system/x.service" } },
  ]);
  expect(enablingLinks("etc/systemd/system/y.service", "[Service]\nExecStart=/bin/true\n")).toEqual([]);
});

test("what a module finds beside itself it still finds in the file that it was put into", () => {
  const text = 'new Worker(new URL("./lane.ts", import.meta.url)); resolve(import.meta.dir, "../../boards")';
  expect(namedBeside("src/vm/libvirt/calls.ts", text)).toEqual(["src/vm/libvirt/lane.ts", "src/boards"]);
  const moved = asBeside("src/cli/main.ts", "src/vm/libvirt/calls.ts", text);
  expect(moved).toContain('new URL("./lane.ts", new URL("../vm/libvirt/calls.ts", import.meta.url).href)');
  expect(moved).toContain('resolve((import.meta.dir + "/../vm/libvirt"), "../../boards")');
});

test("the list of parts names each once, and is the same for the same parts", () => {
  const debian = installedPackages(
    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.37-2\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n",
  );
  const npm = [
    {
      name: "@noble/curves",
      version: "2.4.0",
      integrity: "",
      licence: "MIT",
      isForDevelopment: false,
      dependencies: [],
    },
  ];
  const options = { name: "image", version: "1", seconds: 0, debian, npm, suite: "trixie" };
  const { packages, relationships } = JSON.parse(spdxDocument(options));
  expect(packages.map((one: { name: string }) => one.name)).toEqual(["image", "bash", "@noble/curves"]);
  expect(packages[2].externalRefs[0].referenceLocator).toBe("pkg:npm/%40noble/curves@2.4.0");
  expect(relationships).toHaveLength(3);
  expect(new Set(packages.map((one: { SPDXID: string }) => one.SPDXID)).size).toBe(3);
  expect(spdxDocument(options)).toBe(spdxDocument(options));
});
