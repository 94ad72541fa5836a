import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeAsked } from "../needs.ts";
import { CardMachine } from "./card-machine.ts";
import { pcImage } from "./pc-image.ts";

const BUILD_TIMEOUT_MS = 1_500_000;
/** A quiet machine needs one to two minutes. */
const BOOT_TIMEOUT_MS = 900_000;
const CARD_MIB = 4_096;
const PASSWORD = "three quiet words";
/** How often power is cut while a new card starts for the first time. */
const CUTS = Number(process.env.OMERTA_FIRST_BOOT_CUTS ?? 3);

/** As Windows' Notepad leaves it, under the name that Windows makes of it. */
const CONFIG_NAME = "omerta.toml.txt";
const CONFIG = Buffer.from(
  '\uFEFF[box]\r\nname = "Harbour Wi-Fi"\r\nnme = 3\r\n[wifi]\r\ncountry = "DE"\r\n',
  "utf16le",
);

/** A browser at the wire: it keeps its cookie, and fills in the forms that it gets. */
class Operator {
  private cookie = "";

  constructor(private readonly port: number) {}

  async ask(path: string, more: RequestInit = {}): Promise<Response> {
    const headers = new Headers(more.headers);
    if (this.cookie !== "") headers.set("cookie", this.cookie);
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      ...more,
      headers,
      redirect: "manual",
      signal: AbortSignal.timeout(60_000),
    });
    this.cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? this.cookie;
    return answer;
  }

  async fill(page: string, action: string, fields: Record<string, string>): Promise<Response> {
    const token = /name="token" value="([^"]+)"/.exec(await (await this.ask(page)).text())?.[1] ?? "";
    return this.ask(action, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ token, ...fields }).toString(),
    });
  }
}

// Nine starts of an emulated machine.
describeAsked(
  "OMERTA_FIRST_BOOT",
  "some ten minutes",
  ["x86-64", "program:qemu-system-x86_64", "program:mmdebstrap", "program:mksquashfs", "program:mcopy"],
  "A card that is put into a box for the first time",
  () => {
    let image: string;
    beforeAll(async () => {
      ({ image } = await pcImage());
    }, BUILD_TIMEOUT_MS);

    let box: CardMachine;
    afterAll(async () => {
      await box?.end();
    });
    const claimCode = async () => (await box.untilSaid(/CLAIM CODE +(\S+)/, BOOT_TIMEOUT_MS))[1] ?? "";
    /** The box is there before its wire has an address by DHCP, QEMU's usual one, which a person behind the wire waits for too. */
    const consoleOnTheWire = () => box.untilShell("ss -ltn", /\b10\.0\.2\.15:8090\b/, 120_000);

    test(
      `starts though power is cut ${CUTS} times on the way, with the card grown to its end`,
      async () => {
        box = await CardMachine.withCard("first-boot", image, CARD_MIB);
        await box.put(CONFIG_NAME, CONFIG);
        for (let cut = 0; cut < CUTS; cut += 1) {
          await box.powerOn();
          // Before, while and after the partition is grown: that is some seconds after the kernel begins.
          await Bun.sleep(10_000 + Math.random() * 60_000);
          await box.powerCut();
        }
        await box.powerOn();
        expect(await claimCode()).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
        const size = await box.untilShell(
          "df -m --output=size /data | tail -n 1",
          /^\s*[23]\d{3}\s*$/,
          BOOT_TIMEOUT_MS,
        );
        expect(Number(size)).toBeGreaterThan(2_000);
        // Nothing had to be made anew.
        const notes = await box.untilShell(
          "cat /run/omerta-boot/notes/* 2>/dev/null; echo done",
          /done/,
          60_000,
        );
        expect(notes).not.toContain("made anew");
      },
      BOOT_TIMEOUT_MS * 2 + CUTS * 80_000,
    );

    test(
      "takes what is right in a file of Notepad's, and says on its screen and on the card what is wrong",
      async () => {
        await box.untilSaid(
          /omerta\.toml\.txt: box\.nme: unknown key; did you mean "name"\?/,
          BOOT_TIMEOUT_MS,
        );
        expect(box.serial()).toContain("Harbour Wi-Fi");
        const code = await claimCode();
        const card = await box.untilShell(
          "cat /boot/omerta/omerta-problems.txt /boot/omerta/claim.txt",
          /Nobody operates this box yet/,
          BOOT_TIMEOUT_MS,
        );
        expect(card).toContain('box.nme: unknown key; did you mean "name"?');
        expect(card).toContain(code);
        // It is writable while it is written to, and no longer: a power cut would leave its file system dirty.
        await box.untilShell("grep ' /boot/omerta ' /proc/mounts", / \/boot\/omerta vfat ro,/, 60_000);
      },
      BOOT_TIMEOUT_MS,
    );

    test(
      "is claimed over the wire by whoever has the code, and by nobody after that",
      async () => {
        const [operator, stranger] = [new Operator(box.consolePort), new Operator(box.consolePort)];
        const code = await claimCode();
        await consoleOnTheWire();
        expect((await stranger.ask("/")).headers.get("location")).toBe("/claim");
        const wrong = await stranger.fill("/claim", "/claim", { code: "0000-0000", password: PASSWORD });
        expect(wrong.status).toBe(403);
        const done = await operator.fill("/claim", "/claim", { code, password: PASSWORD });
        expect([done.status, done.headers.get("location")]).toEqual([303, "/"]);
        const status = await operator.ask("/api/status");
        expect(((await status.json()) as { name: string }).name).toBe("Harbour Wi-Fi");
        expect((await stranger.ask("/")).headers.get("location")).toBe("/sign-in");
        expect((await stranger.fill("/sign-in", "/claim", { code, password: PASSWORD })).status).toBe(403);
        await box.untilShell("ls /boot/omerta", /^(?![\s\S]*claim\.txt)[\s\S]*README\.txt/, 120_000);
      },
      BOOT_TIMEOUT_MS,
    );

    test(
      "is the same box after a power cut, with the same operator",
      async () => {
        const identity = "cat /etc/machine-id; sha256sum </data/omerta-box/device-key.json";
        const before = await box.untilShell(identity, / -/, 60_000);
        await box.powerCut();
        expect(await box.take("claim.txt")).toBeUndefined();
        await box.powerOn();
        await box.untilSaid(/Operator's page +http/, BOOT_TIMEOUT_MS);
        expect(await box.untilShell(identity, / -/, 60_000)).toBe(before);
        const operator = new Operator(box.consolePort);
        await consoleOnTheWire();
        expect((await operator.fill("/sign-in", "/sign-in", { password: PASSWORD })).status).toBe(303);
      },
      BOOT_TIMEOUT_MS,
    );

    test(
      "forgets everything once for a file on the card, exports it before, and waits to be claimed again",
      async () => {
        const key = "sha256sum </data/omerta-box/device-key.json";
        const before = await box.untilShell(key, / -/, 60_000);
        await box.powerCut();
        await box.put("factory-reset.txt", "export five quiet words here\r\n");
        await box.powerOn();
        await claimCode();
        expect(box.serial()).toContain("The box has been reset, as was asked for");
        expect(await box.untilShell(key, / -/, 60_000)).not.toBe(before);
        const card = await box.untilShell("ls /boot/omerta", /claim\.txt/, BOOT_TIMEOUT_MS);
        for (const name of ["factory-reset-done.txt", "omerta-export-1.age"]) expect(card).toContain(name);
        for (const name of ["factory-reset.txt", "factory-resetting"]) expect(card).not.toContain(name);
        await box.powerCut();
        expect((await box.take("omerta-export-1.age"))?.slice(0, 24)).toBe("age-encryption.org/v1\n->");
      },
      BOOT_TIMEOUT_MS,
    );
  },
);
