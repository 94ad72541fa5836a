import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeBundle } from "../../image-build/rauc/bundle.ts";
import { keyringOf, type Signer } from "../../image-build/rauc/signing.ts";
import { describeAsked } from "../needs.ts";
import { Signers } from "../unit/update/bundles.ts";
import { ImageVariants, type SlotContent } from "./image-variant.ts";
import { pcImage } from "./pc-image.ts";

/** What the tests of updates start from: a disk with version 1.0.0 of this very tree, and bundles for it. */
export interface UpdateImages {
  folder: string;
  /** A disk as it would be after the image was written to it. */
  disk: string;
  /** Version 1.1.0: the same system. */
  good: string;
  /** Version 1.2.0, in which the firewall cannot be: the kernel is told not to load nf_tables. */
  unwell: string;
  /** Version 1.3.0, which does not find its disk. */
  dead: string;
  /** Version 1.4.0, signed by somebody else. */
  foreign: string;
}

/** These take the better part of an hour, and an otherwise idle machine: only who asks for them has them run. */
export function describeUpdates(title: string, body: () => void): void {
  describeAsked("OMERTA_IMAGE_UPDATES", "an hour or more", NEEDS, title, body);
}

const NEEDS = [
  ...["root", "x86-64", "program:qemu-system-x86_64", "program:mmdebstrap", "program:mksquashfs"],
  ...["program:unsquashfs", "program:rauc", "program:openssl", "program:mcopy"],
] as const;
const DISK_MIB = 3_400;
/** What the operator has written onto the card. */
const CONFIG = `[box]
name = "Update test"

[wifi]
country = "DE"

[update]
install = "any-time"
trial_minutes = 8
`;

/** Built once for a run; a gigabyte or two, removed by {@link removeUpdateImages}. Needs root. */
export async function updateImages(folder: string): Promise<UpdateImages> {
  // An image that is there already is tried by its path.
  const image = process.env.OMERTA_IMAGE ?? (await pcImage()).image;
  mkdirSync(folder, { recursive: true });
  const signers = new Signers(folder);
  const { authority, signer } = await signers.make("community");
  const stranger = await signers.make("stranger");
  const variants = await ImageVariants.of(image, join(folder, "variants"));
  const keyring = { "etc/rauc/keyring.pem": keyringOf([authority]) };
  const first = await variants.make("1.0.0", keyring);
  const second = await variants.make("1.1.0", keyring);
  variants.removeTree();
  const unwell = await variants.startedBy(second, "unwell", (config) =>
    config.replace("rauc.slot=", "module_blacklist=nf_tables rauc.slot="),
  );
  const dead = await variants.startedBy(second, "dead", (config) =>
    config.replace(/omerta\.disk=[0-9a-f]{8}/, "omerta.disk=00000000"),
  );
  const disk = join(folder, "first.img");
  await variants.disk(disk, first, DISK_MIB, {
    "omerta.toml": CONFIG,
    arguments: "# GRUB Environment Block\narguments=systemd.debug_shell=hvc0\n".padEnd(1024, "#"),
  });
  const bundle = async (name: string, version: string, content: SlotContent, by: Signer = signer) => {
    const path = join(folder, `${name}.raucb`);
    const what = { board: "pc-amd64" as const, version, description: name };
    await makeBundle({ ...what, bootImage: content.boot, rootImage: content.root }, by, path);
    return path;
  };
  const images = {
    ...{ folder, disk },
    good: await bundle("good", "1.1.0", second),
    unwell: await bundle("unwell", "1.2.0", unwell),
    dead: await bundle("dead", "1.3.0", dead),
    foreign: await bundle("foreign", "1.4.0", second, stranger.signer),
  };
  rmSync(join(folder, "variants"), { recursive: true, force: true });
  return images;
}

export function removeUpdateImages(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Folders of crashed runs. */
export function freshFolder(path: string): string {
  if (existsSync(path)) rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true, mode: 0o700 });
  writeFileSync(join(path, "pid"), String(process.pid));
  return path;
}
