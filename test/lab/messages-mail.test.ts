import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleId } from "../../src/messages/bundle/bundle-codec.ts";
import type { OutboxEntry } from "../../src/messages/desk/operator-messages.ts";
import { messageIdOf, type SmtpOptions } from "../../src/messages/outbox/smtp-bridge.ts";
import { describeNeeding } from "../needs.ts";
import { bundleNumber } from "../unit/messages/sync/numbered-bundles.ts";
import { Lab, type LabHost, type LabProcess, until } from "./lab.ts";
import { MAIL_PASSWORD, MAIL_PORTS, MAIL_USER, MailServer, makeCertificate } from "./mail-server.ts";
import type { OutboxProcessConfig } from "./outbox-process.ts";

type CheckIn = OutboxProcessConfig["checkIns"][number];

describeNeeding(["root", "program:exim4", "program:openssl"], "A check-in for a mail address", () => {
  const lab = new Lab("mail");
  let host: LabHost;
  let server: MailServer;
  let boxes = 0;

  beforeAll(async () => {
    await lab.open();
    host = await lab.host("box");
    server = await MailServer.make(lab, host);
    await server.start();
  }, 60_000);
  afterAll(async () => {
    await lab.close();
  }, 60_000);

  const options = (security: SmtpOptions["security"], change: Partial<SmtpOptions> = {}): SmtpOptions => {
    const passwordFile = join(lab.folder, "password");
    writeFileSync(passwordFile, `${MAIL_PASSWORD}\n`, { mode: 0o600 });
    return {
      host: "127.0.0.1",
      port: MAIL_PORTS[security],
      security,
      user: security === "none" ? "" : MAIL_USER,
      passwordFile,
      from: "box@omerta.example.org",
      boxName: "Town hall",
      caFile: server.certificate,
      ...change,
    };
  };

  const newFolder = () => {
    boxes += 1;
    const folder = join(lab.folder, `box${boxes}`);
    mkdirSync(folder);
    return folder;
  };

  const start = (smtp: SmtpOptions, checkIns: CheckIn[], folder = newFolder()): LabProcess => {
    const config: OutboxProcessConfig = { folder, smtp, checkIns };
    const program = join(import.meta.dir, "outbox-process.ts");
    return host.spawn([process.execPath, program, JSON.stringify(config)]);
  };

  const entries = (box: LabProcess): OutboxEntry[] => {
    const line = box
      .output()
      .split("\n")
      .findLast((each) => each.startsWith("["));
    return JSON.parse(line ?? "[]");
  };
  const untilStates = (box: LabProcess, count: number, state: RegExp) =>
    until(`${count} in state ${state.source}: ${box.output()}`, () => {
      const inState = entries(box).filter((entry) => state.test(`${entry.state} ${entry.detail}`));
      return inState.length >= count && inState;
    });
  const mailOf = (number: number, uri: string, text: string) => {
    const id = bundleId(bundleNumber(number, { to: { kind: "outside", uri }, text }));
    return server.mails().filter(({ headers }) => headers.get("message-id") === messageIdOf(id));
  };

  for (const [index, security] of (["none", "starttls", "tls"] as const).entries()) {
    test(`lies in the mailbox as the server has delivered it, by a way with ${security}`, async () => {
      const checkIn = {
        number: index,
        uri: `mailto:kin${index}@example.org`,
        text: "We are all here.\nمرحبا 🌊",
      };
      const box = start(options(security), [checkIn]);
      await untilStates(box, 1, /^sent/);
      const [mail, second] = await until("the delivery", () => {
        const mails = mailOf(checkIn.number, checkIn.uri, checkIn.text);
        return mails.length > 0 && mails;
      });
      expect(second).toBeUndefined();
      expect(mail?.headers.get("to")).toBe(`kin${index}@example.org`);
      expect(mail?.headers.get("from")).toBe("Omerta Box <box@omerta.example.org>");
      expect(mail?.headers.get("subject")).toBe(`Person ${index}: I am safe.`);
      expect(mail?.headers.get("auto-submitted")).toBe("auto-generated");
      expect(mail?.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(mail?.headers.get("received")).toContain(security === "none" ? "with esmtp (" : "with esmtpsa");
      const text = bodyText(mail);
      expect(text).toContain(`Person ${index} has checked in at an Omerta box`);
      expect(text).toContain("    I am safe.\n\n    We are all here.\n    مرحبا 🌊\n");
      expect(text).toContain('Sent by the box "Town hall".');
      expect(text).toContain("This came by Omerta");
      await box.stop();
    });
  }

  test("waits where the password is wrong, where nobody vouches for the server, and where it offers no encryption", async () => {
    const wrong = join(lab.folder, "wrong-password");
    writeFileSync(wrong, "wrong\n");
    const stranger = join(lab.folder, "stranger.pem");
    await makeCertificate(join(lab.folder, "stranger-key.pem"), stranger);
    const cases: [SmtpOptions, RegExp][] = [
      [options("starttls", { passwordFile: wrong }), /^waiting .*535 /],
      [options("starttls", { passwordFile: join(lab.folder, "none") }), /^waiting .*ENOENT/],
      [options("starttls", { caFile: stranger }), /^waiting .*certificate/i],
      [options("starttls", { port: MAIL_PORTS.none }), /^waiting .*STARTTLS/],
    ];
    for (const [index, [smtp, why]] of cases.entries()) {
      const checkIn = { number: 100 + index, uri: "mailto:kin@example.org", text: "" };
      const box = start(smtp, [checkIn]);
      await untilStates(box, 1, why);
      expect(mailOf(checkIn.number, checkIn.uri, checkIn.text)).toEqual([]);
      await box.stop();
    }
  });

  test("waits or fails alone where the server wants it so, and others go on", async () => {
    const domains = ["busy.example.org", "closed.example.org", "unknown.example.net", "example.org"];
    const box = start(
      options("none"),
      domains.map((domain, index) => ({ number: 200 + index, uri: `mailto:kin@${domain}`, text: "" })),
    );
    await untilStates(box, 1, /^sent/);
    const byUri = new Map(entries(box).map(({ uri, state, detail }) => [uri, `${state} ${detail}`]));
    expect(byUri.get("mailto:kin@busy.example.org")).toMatch(/^waiting .*451? 4\.2\.1/);
    expect(byUri.get("mailto:kin@closed.example.org")).toMatch(/^waiting .*550 5\.7\.1/);
    expect(byUri.get("mailto:kin@unknown.example.net")).toMatch(/^failed .*550 5\.1\.1/);
    expect(byUri.get("mailto:kin@example.org")).toMatch(/^sent/);
    await box.stop();
  });

  test("waits while there is no server, through a restart of the box, and goes when there is one", async () => {
    await server.stop();
    const folder = newFolder();
    const checkIn = { number: 300, uri: "mailto:kin@example.org", text: "" };
    const first = start(options("none"), [checkIn], folder);
    await untilStates(first, 1, /^waiting .*(refused|ECONNREFUSED)/i);
    await first.stop("SIGKILL");
    const second = start(options("none"), [], folder);
    await untilStates(second, 1, /^waiting .*(refused|ECONNREFUSED)/i);
    await server.start();
    process.kill(second.pid, "SIGUSR2");
    await untilStates(second, 1, /^sent/);
    await until("the delivery", () => mailOf(checkIn.number, checkIn.uri, checkIn.text).length === 1);
    await second.stop();
  });

  test("is in the mailbox when its box was killed again and again, and twice only where a kill left doubt", async () => {
    const folder = newFolder();
    const checkIns = Array.from({ length: 40 }, (_, index) => ({
      number: 400 + index,
      uri: `mailto:kin${index}@example.org`,
      text: "",
    }));
    let kills = 0;
    for (let round = 0; round < 12; round += 1) {
      const box = start(options("none"), round === 0 ? checkIns : [], folder);
      // All are in custody before the first kill: what was not taken is nobody's to send.
      await untilStates(box, checkIns.length, /./);
      await Bun.sleep(round * 7);
      await box.stop("SIGKILL");
      kills += 1;
    }
    const last = start(options("none"), [], folder);
    await untilStates(last, checkIns.length, /^sent/);
    await last.stop();
    const found = () => checkIns.map(({ number, uri, text }) => mailOf(number, uri, text).length);
    await until("all deliveries", () => found().every((count) => count > 0));
    const twice = found().reduce((sum, count) => sum + count - 1, 0);
    console.log(`      ${checkIns.length} mails, ${kills} kills: ${twice} came twice`);
    expect(twice).toBeLessThanOrEqual(kills);
  }, 60_000);
});

/** Of a mail of one part. */
function bodyText(mail: { headers: Map<string, string>; body: string } | undefined): string {
  const { headers = new Map(), body = "" } = mail ?? {};
  const encoding = headers.get("content-transfer-encoding");
  if (encoding === "base64") return Buffer.from(body, "base64").toString("utf8").replaceAll("\r\n", "\n");
  if (encoding !== "quoted-printable") return body;
  const bytes = body
    .replace(/=\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
