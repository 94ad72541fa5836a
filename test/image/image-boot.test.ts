import { afterAll, beforeAll, expect, test } from "bun:test";
import { appendFileSync, copyFileSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { cacheOf } from "../../image-build/commit.ts";
import { sha256Of } from "../../image-build/paper/checksums.ts";
import { checkSignature, developmentFolder } from "../../image-build/paper/sign.ts";
import { run } from "../../src/host/run.ts";
import { describeNeeding } from "../needs.ts";
import { scratchFolders } from "../unit/scratch.ts";
import { BUN } from "./acknowledged.ts";
import { BoxMachine } from "./box-machine.ts";
import { buildPcImage, type PcImage, pcImage } from "./pc-image.ts";
import { WIRED_PHONE } from "./wired-phone.ts";

const PROJECT = resolve(import.meta.dir, "../..");
const BUILD_TIMEOUT_MS = 1_500_000;
/** On a machine that has other work a unit takes most of a minute. */
const CLOCK_TIMEOUT_MS = 110_000;
/** A quiet machine needs one minute. */
const BOOT_TIMEOUT_MS = 400_000;

const scratchFolder = scratchFolders();

const sbom = z.object({ packages: z.array(z.object({ name: z.string(), versionInfo: z.string() })) });

describeNeeding(
  ["x86-64", "program:qemu-system-x86_64", "program:mmdebstrap", "program:mksquashfs", "program:mcopy"],
  "the image for PCs",
  () => {
    let built: PcImage;
    let machine: BoxMachine;
    const paper = (ending: string) => built.image.replace(/\.img$/, ending);
    beforeAll(async () => {
      built = await pcImage();
      machine = await BoxMachine.start("boot", { image: built.image });
    }, BUILD_TIMEOUT_MS);
    afterAll(async () => {
      await machine?.stop();
    });

    test(
      "starts by itself, with the box running and the portal answering",
      async () => {
        const started = await machine.untilStarted(BOOT_TIMEOUT_MS);
        const { text } = await machine.shell(WIRED_PHONE, BOOT_TIMEOUT_MS);
        const { text: memory } = await machine.shell(
          "ps -eo rss,args --sort=-rss | head -n 8 | cut -c1-100; free -m",
        );
        console.log(
          `multi-user after ${started.toFixed(0)} s, the portal after ${machine.seconds().toFixed(0)} s\n${memory}`,
        );
        expect(text).toContain("Welcome");
      },
      BOOT_TIMEOUT_MS * 2,
    );

    test(
      "lends virtual machines that run on the processor itself, where that can: QEMU's emulated one does",
      async () => {
        const { text } = await machine.shell(
          `until omerta-box status | grep '^  vm .* lent'; do sleep 2; done 2>/dev/null
           journalctl -b -u omerta-box -o cat | grep 'machines are emulated'`,
          BOOT_TIMEOUT_MS,
        );
        expect(text).toMatch(/0 virtual machines lent; free for another: \d+ processors?/);
      },
      BOOT_TIMEOUT_MS + 10_000,
    );

    test("has a verified root that nobody can write, and keeps what has to last", async () => {
      const { text } = await machine.shell(`
        dmsetup table omerta-root
        touch /run/omerta/root/x
        findmnt -n -o FSTYPE /
        findmnt -n -o SOURCE /data
        findmnt -n -o SOURCE /var/lib/omerta-box
        cmp /etc/machine-id /data/machine-id && grep -c '^[0-9a-f]\\{32\\}$' /etc/machine-id`);
      const [table, refused, root, data, state, ids] = text.split("\n");
      expect(table).toMatch(/verity 1 \S+ \S+ 4096 4096 \d+ \d+ sha256 [0-9a-f]{64} -/);
      expect(refused).toContain("Read-only file system");
      expect([root, data, state, ids]).toEqual(["overlay", "/dev/vda7", "/dev/vda7[/omerta-box]", "1"]);
    }, 120_000);

    test("lets nobody log in, and writes no log to the card", async () => {
      const { text } = await machine.shell(`
        ls /etc/ssh/*key* /usr/sbin/sshd /bin/login 2>&1 | grep -v 'No such file'
        awk -F: '$2 !~ /^[!*]/ { print $1 }' /etc/shadow
        ls -A /var/log/journal 2>/dev/null
        systemctl --failed --no-legend --plain`);
      expect(text.trim()).toBe("");
    }, 120_000);

    test(
      "has its clock set as its daemon wishes, which may not set it itself, and keeps the time where it lasts",
      async () => {
        const { text: kept } = await machine.shell(`
        systemctl is-active omerta-clock.path systemd-timesyncd.service
        findmnt -n -o SOURCE -T /var/lib/systemd/timesync/clock
        [ "$(date +%s)" -ge "$(stat -c %Y /usr/lib/clock-epoch)" ] && echo no earlier
        setpriv --bounding-set=-sys_time date -s 2000-01-01 2>&1 >/dev/null`);
        const [path, timesyncd, medium, begins, refused] = kept.trim().split("\n");
        expect([path, timesyncd, medium]).toEqual(["active", "active", "/dev/vda7[/systemd]"]);
        expect(begins).toBe("no earlier");
        expect(refused).toContain("Operation not permitted");
        const { text: jump } = await machine.shell(
          `
        cd /run/omerta-box
        before=$(date +%s)
        read -r up _ </proc/uptime
        echo "$((before + 86400))000 \${up%.*}000" >wish && mv wish clock-wish
        waited=0
        while [ -e clock-wish ] || systemctl -q is-active omerta-clock.service; do
          [ $waited -lt 300 ] || break
          waited=$((waited + 1)); sleep 0.1
        done
        sleep 1
        echo $(($(date +%s) - before)) "$(systemctl show -P Result omerta-clock.service)"`,
          CLOCK_TIMEOUT_MS,
        );
        const [bySeconds, result] = jump.trim().split(" ");
        expect(result).toBe("success");
        expect(Number(bySeconds)).toBeGreaterThanOrEqual(86_400);
        expect(Number(bySeconds)).toBeLessThan(86_400 + 120);
      },
      CLOCK_TIMEOUT_MS * 2,
    );

    test("is made of nothing that its list of parts does not name", async () => {
      const { packages } = sbom.parse(JSON.parse(readFileSync(paper(".spdx.json"), "utf8")));
      const named = new Set(packages.map(({ name, versionInfo }) => `${name} ${versionInfo}`));
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in
      const { text } = await machine.shell("dpkg-query -W -f '${Package} ${Version}\\n'; uname -r");
      const lines = text.trim().split("\n");
      const kernel = lines.pop();
      expect(lines.length).toBeGreaterThan(100);
      expect(lines.filter((line) => !named.has(line))).toEqual([]);
      expect(packages.some(({ name }) => name === `linux-image-${kernel}`)).toBe(true);
      const { text: modules } = await machine.shell(
        `cd /opt/omerta-box/node_modules && { ls -d [a-z]* @*/* | cat; } && ${BUN} --version`,
      );
      const npm = modules.trim().split("\n");
      expect(named.has(`@oven/bun-linux-x64 ${npm.pop()}`)).toBe(true);
      const names = new Set(packages.map(({ name }) => name));
      expect(npm.filter((name) => !names.has(name))).toEqual([]);
    }, 120_000);

    test("is signed, and a changed list of checksums is refused", async () => {
      const authority = join(developmentFolder(cacheOf(PROJECT)), "development-ca.pem");
      const sums = paper(".SHA256SUMS");
      await checkSignature(sums, authority);
      await run(["sha256sum", "-c", "--quiet", basename(sums)], { cwd: built.folder, timeoutMs: 120_000 });
      const folder = scratchFolder();
      const changed = join(folder, basename(sums));
      copyFileSync(sums, changed);
      copyFileSync(`${sums}.p7s`, `${changed}.p7s`);
      await checkSignature(changed, authority);
      appendFileSync(changed, `${"0".repeat(64)}  something-else.img\n`);
      await expect(checkSignature(changed, authority)).rejects.toThrow("openssl");
    }, 180_000);

    test(
      "is the same, bit for bit, when it is built again",
      async () => {
        const before = await sha256Of(built.image);
        const again = await buildPcImage(scratchFolder());
        expect(await sha256Of(again.image)).toBe(before);
        expect(readFileSync(again.image.replace(/\.img$/, ".spdx.json"), "utf8")).toBe(
          readFileSync(paper(".spdx.json"), "utf8"),
        );
      },
      BUILD_TIMEOUT_MS,
    );
  },
);
