import { beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyringOf, type Signer } from "../../../image-build/rauc/signing.ts";
import { tryRun } from "../../../src/host/run.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";
import { confWith, Signers, smallBundle } from "./bundles.ts";

const SCRIPT = join(import.meta.dir, "../../../rootfs-overlay/usr/lib/omerta-box/take-stick");
const folderOf = scratchFolders();
/** Keys and bundles are made. */
const BUSY_MS = 60_000;

/** What is mounted is a folder here, and blkid, mount and rauc are asked in the test's own words. */
function programs(type: string, conf: string): string {
  const folder = folderOf();
  const script = (name: string, text: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  script("blkid", `echo ${type}`);
  script("mount", `echo "$@" >>${join(folder, "mounted")}`);
  script("umount", "true");
  script("rauc", `shift; exec "${Bun.which("rauc")}" info --conf=${conf} "$@"`);
  return folder;
}

describeNeeding(["program:rauc", "program:openssl", "program:mksquashfs"], "a USB stick", () => {
  let folder: string;
  let ours: { authority: string; signer: Signer };
  let conf: string;
  let signers: Signers;
  beforeAll(async () => {
    folder = folderOf();
    signers = new Signers(folder);
    ours = await signers.make("community");
    const keyring = join(folder, "keyring.pem");
    writeFileSync(keyring, keyringOf([ours.authority]));
    conf = confWith(folder, keyring);
  }, BUSY_MS);

  async function plugged(stick: string, type = "vfat") {
    const state = folderOf();
    const own = programs(type, conf);
    const { stdout, exitCode } = await tryRun(["sh", SCRIPT, "sdz1"], {
      env: { PATH: `${own}:${process.env.PATH}`, OMERTA_STICK: stick, OMERTA_STATE: state },
      timeoutMs: 60_000,
    });
    const into = join(state, "update/incoming/stick");
    const mounted = existsSync(join(own, "mounted")) ? readFileSync(join(own, "mounted"), "utf8") : "";
    return { stdout, exitCode, mounted, into, names: existsSync(into) ? readdirSync(into).sort() : [] };
  }

  test(
    "brings the bundles in its root and in its folders, and what is signed by others is told of and left",
    async () => {
      const stick = folderOf();
      mkdirSync(join(stick, "omerta"));
      const good = await smallBundle(folder, "good", ours.signer);
      const strange = await smallBundle(folder, "strange", (await signers.make("stranger")).signer);
      writeFileSync(join(stick, "omerta", "box 1 ünique.raucb"), readFileSync(good));
      writeFileSync(join(stick, "other.raucb"), readFileSync(strange));
      writeFileSync(join(stick, "nonsense.raucb"), "nonsense");
      symlinkSync("/etc/passwd", join(stick, "link.raucb"));
      const { names, into, mounted, exitCode } = await plugged(stick);
      expect(exitCode).toBe(0);
      expect(names).toEqual(["box_1___nique.raucb", "nonsense.raucb.refused", "other.raucb.refused"]);
      expect(readFileSync(join(into, "box_1___nique.raucb")).equals(readFileSync(good))).toBe(true);
      expect(mounted.trim()).toBe(`-t vfat -o ro,nosuid,nodev,noexec /dev/sdz1 ${stick}`);
    },
    BUSY_MS,
  );

  test(
    "with another file system than four is not even mounted",
    async () => {
      for (const type of ["btrfs", "ntfs", "zfs_member", ""]) {
        const { mounted, names } = await plugged(folderOf(), type);
        expect({ type, mounted, names }).toEqual({ type, mounted: "", names: [] });
      }
      expect((await plugged(folderOf(), "ext4")).mounted).toContain("ro,nosuid,nodev,noexec,noload");
    },
    BUSY_MS,
  );
});
