import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import { changeByte, stickWith } from "./image-variant.ts";
import { SlotsMachine } from "./slots-machine.ts";
import {
  describeUpdates,
  freshFolder,
  removeUpdateImages,
  type UpdateImages,
  updateImages,
} from "./update-images.ts";

const FOLDER = "/tmp/omb-image-update";
const BUILD_MS = 1_800_000;
/** A busy machine needs several times what a quiet one does. */
const BOOT_MS = 900_000;
const STATUS = "omerta-box update status 2>&1";
const JSON_STATUS = "omerta-box update status --json 2>/dev/null; echo";

describeUpdates("an update of the image for PCs", () => {
  let images: UpdateImages;
  let last: SlotsMachine | undefined;

  beforeAll(async () => {
    freshFolder(FOLDER);
    images = await updateImages(join(FOLDER, "images"));
  }, BUILD_MS);

  afterAll(async () => {
    await last?.end("update");
    removeUpdateImages(FOLDER);
  });

  /** Turns the machine on with a stick in it, and off before where it was on. The first time it is a new one. */
  async function on(files: Readonly<Record<string, string>>): Promise<SlotsMachine> {
    const isNew = last === undefined;
    await last?.powerCut();
    const folder = join(FOLDER, "machine");
    if (isNew) {
      freshFolder(folder);
      await run(["cp", "--sparse=always", images.disk, join(folder, "disk.img")], { timeoutMs: 300_000 });
    }
    const stick = join(FOLDER, "stick.img");
    await stickWith(stick, files, 900);
    last = new SlotsMachine({ folder, stick });
    await last.powerOn();
    return last;
  }

  test(
    "is refused when a byte of it was changed, or somebody else has signed it, with the reason in plain words",
    async () => {
      const tampered = join(FOLDER, "tampered.raucb");
      copyFileSync(images.good, tampered);
      changeByte(tampered, Math.floor(statSync(tampered).size / 2));
      const machine = await on({ "foreign.raucb": images.foreign, "tampered.raucb": tampered });
      const text = await machine.untilShell(STATUS, /Refused: tampered/, BOOT_MS);
      expect(text).toContain("Version 1.0.0 runs, in slot A.");
      expect(text).toContain("it was changed after it was signed");
      const journal = await machine.untilShell("omerta-box status", /foreign/, BOOT_MS);
      expect(journal).toContain("update: refused foreign.raucb");
    },
    BOOT_MS * 2,
  );

  test(
    "that is good is installed to the other slot, tried, and kept",
    async () => {
      const machine = await on({ "good.raucb": images.good });
      const text = await machine.untilShell(
        STATUS,
        /Version 1\.1\.0 runs, in slot B\.\nIt replaced version 1\.0\.0\./,
        BOOT_MS * 2,
      );
      expect(text).toContain("In slot A there is version 1.0.0.");
      expect(await machine.tryShell("/usr/lib/omerta-box/boot-slot get-primary", 60_000)).toBe("B\n");
    },
    BOOT_MS * 3,
  );

  test(
    "with which the box is not well gives way to the system before, which says why",
    async () => {
      const machine = await on({ "unwell.raucb": images.unwell });
      const text = await machine.untilShell(STATUS, /1\.2\.0 was tried and given up/, BOOT_MS * 3);
      expect(text).toContain("Version 1.1.0 runs, in slot B.");
      expect(text).toMatch(
        /Version 1\.2\.0 was tried and given up, and slot B with version 1\.1\.0 came back: .*gateway/,
      );
      // Nobody has claimed it: that is what its page is about.
      const page = await machine.tryShell("busybox wget -q -O - http://127.0.0.1:8090/", 60_000);
      expect(page).toContain("Claim this box");
    },
    BOOT_MS * 4,
  );

  test(
    "that does not come up at all gives way by the boot loader",
    async () => {
      const machine = await on({ "dead.raucb": images.dead });
      const text = await machine.untilShell(STATUS, /1\.3\.0 was tried and given up/, BOOT_MS * 4);
      expect(text).toContain("Version 1.1.0 runs, in slot B.");
      expect(text).toContain("it did not come up");
      const { slot, outcomes } = JSON.parse((await machine.untilShell(JSON_STATUS, /^\{/, BOOT_MS)).trim())
        .view as { slot: string; outcomes: { kind: string }[] };
      expect(slot).toBe("B");
      expect(outcomes.map(({ kind }) => kind)).toEqual(["went-back", "went-back", "updated"]);
    },
    BOOT_MS * 6,
  );
});
