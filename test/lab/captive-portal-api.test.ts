import { afterAll, beforeAll, expect, test } from "bun:test";
import { run } from "../../src/host/run.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest, knock, speakIpv6 } from "./guest.ts";
import { Lab, until } from "./lab.ts";
import { Swarm } from "./swarm.ts";

const HOST = "portal.example.org";

describeNeeding(
  [...LAB_NEEDS, "program:openssl", "program:curl"],
  "The captive-portal API (RFC 8908, RFC 8910)",
  () => {
    const lab = new Lab("api");
    let box: LabBox;
    let swarm: Swarm;

    beforeAll(async () => {
      await lab.open();
      await run([
        ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-days", "30", "-subj", `/CN=${HOST}`, "-addext", `subjectAltName=DNS:${HOST}`],
        ...["-keyout", `${lab.folder}/key.pem`, "-out", `${lab.folder}/cert.pem`],
      ]);
      box = await startBox(lab, "box", {
        config: `
        [gateway.tls]
        host = "${HOST}"
        certificate = "${lab.folder}/cert.pem"
        key = "${lab.folder}/key.pem"
      `,
      });
      swarm = new Swarm(lab, box.host, box.bridge);
    });
    afterAll(() => lab.close());

    const join = async () => {
      const [phone] = await swarm.addPhones(1);
      if (!phone) throw new Error("no phone");
      return { phone, lease: await phone.dhcp() };
    };
    const curl = (
      phone: { tryRun(command: string[]): Promise<{ stdout: string; exitCode: number }> },
      url: string,
    ) => phone.tryRun(["curl", "-si", "-m", "4", "--cacert", `${lab.folder}/cert.pem`, url]);

    test("is advertised by DHCPv4 option 114", async () => {
      const { lease } = await join();
      expect(lease.captivePortalUrl).toBe(`https://${HOST}/captive-portal`);
    });

    test("is advertised by option 37 of a router advertisement with hop limit 255", async () => {
      const [phone] = await swarm.addPhones(1);
      if (!phone) throw new Error("no phone");
      const sniffer = phone.spawn([
        "tcpdump",
        "-l",
        "-n",
        "-vv",
        "-x",
        "-i",
        "wlan0",
        "icmp6 and ip6[40] == 134",
      ]);
      await until("the sniffer", () => sniffer.output().includes("listening"));
      const text = Buffer.from(`https://${HOST}/captive-portal`).toString("hex");
      const frame = await until(
        "the option",
        () => {
          const hex = sniffer
            .output()
            .replace(/^\s*0x[0-9a-f]+:\s*/gm, "")
            .replaceAll(/[\s]/g, "");
          return hex.includes(text) ? sniffer.output() : undefined;
        },
        40_000,
      );
      expect(frame).toContain("hlim 255");
      expect(frame).toContain("unknown option (37)");
    }, 50_000);

    test("is advertised by DHCPv6 option 103", async () => {
      const [phone] = await swarm.addPhones(1);
      if (!phone) throw new Error("no phone");
      await speakIpv6(phone);
      const asked = await phone.run([process.execPath, `${import.meta.dir}/dhcpv6-ask.ts`, "wlan0"]);
      expect(asked.trim()).toBe(`https://${HOST}/captive-portal`);
    });

    test("tells a phone that it is captive, then that it is not, over TLS that its certificate vouches for", async () => {
      const { phone } = await join();
      const before = await curl(phone, `https://${HOST}/captive-portal`);
      expect(before.stdout).toContain("application/captive+json");
      expect(before.stdout.toLowerCase()).toContain("cache-control: private, no-store");
      expect(JSON.parse(before.stdout.split("\r\n\r\n")[1] ?? "")).toEqual({
        captive: true,
        "user-portal-url": `https://${HOST}/`,
        "can-extend-session": true,
      });
      await new Guest(phone).consent();
      const after = await curl(phone, `https://${HOST}/captive-portal`);
      const answer = JSON.parse(after.stdout.split("\r\n\r\n")[1] ?? "");
      expect(answer.captive).toBe(false);
      expect(answer["seconds-remaining"]).toBeGreaterThan(86_000);
    });

    test("the portal itself is there over TLS, for the phone that asks and no other", async () => {
      const { phone } = await join();
      const page = await curl(phone, `https://${HOST}/`);
      expect(page.stdout).toContain("I understand, connect me");
      const forged = await phone.tryRun([
        ...["curl", "-s", "-m", "4", "--cacert", `${lab.folder}/cert.pem`, "-H", "x-omerta-peer: 10.0.0.9"],
        `https://${HOST}/captive-portal`,
      ]);
      expect(JSON.parse(forged.stdout).captive).toBe(true);
      const guests = (await box.status()).guests.map((guest) => guest.ipv4);
      expect(guests).not.toContain("10.0.0.9");
    });

    test("443 elsewhere is refused all the same", async () => {
      const { phone } = await join();
      expect(await knock(phone, "203.0.113.80", 443)).toBe("refused");
      expect(await knock(phone, box.management.address, 443)).toBe("refused");
      expect(await knock(phone, box.address, 8443)).toBe("refused");
    });

    test("the process that faces guests holds neither the key nor any right", async () => {
      const pids = (await run(["ip", "netns", "pids", box.host.name])).split("\n").filter(Boolean);
      const portals: string[] = [];
      for (const pid of pids) {
        // Some of the box's programs end at once.
        const text = await Bun.file(`/proc/${pid}/cmdline`)
          .text()
          .catch(() => "");
        const command = text.split("\0");
        if (!command.includes("portal") || command.includes("tls-front")) continue;
        portals.push(pid);
        const status = await Bun.file(`/proc/${pid}/status`).text();
        for (const field of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
          expect(status).toMatch(new RegExp(`^${field}:\\s+0{16}$`, "m"));
        }
        expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
        expect(command.join(" ")).not.toContain("key.pem");
      }
      expect(portals.length).toBe(1);
    });
  },
);
