import { describe, expect, test } from "bun:test";
import { bundleId } from "../../../../src/messages/bundle/bundle-codec.ts";
import { mailAddress } from "../../../../src/messages/outbox/mail-address.ts";
import { outsideMail } from "../../../../src/messages/outbox/outside-mail.ts";
import {
  messageIdOf,
  type SmtpOptions,
  SmtpOptionsError,
  smtpBridge,
} from "../../../../src/messages/outbox/smtp-bridge.ts";
import { EXAMPLES } from "../vectors/examples.ts";

const HOUR_MS = 3_600_000;

function mailOf(name: string, ageMs = 3 * HOUR_MS) {
  const bundle = EXAMPLES.find((example) => example.name === name)?.bundle;
  if (bundle === undefined) throw new Error(`no example: ${name}`);
  return outsideMail({ id: bundleId(bundle), bundle, uri: "mailto:family@example.org", ageMs }, "Town hall");
}

describe("A mail for somebody outside", () => {
  test("says who has checked in, in what state, when, by which boxes, and what Omerta is", () => {
    const mail = mailOf("check-in for a mail address outside");
    expect(mail?.subject).toBe("Zoë: I am on the move.");
    expect(mail?.text).toBe(`Zoë has checked in at an Omerta box, and asked that you be told:

    I am on the move.

    We walk north.

Written about 3 hours ago, as far as the boxes could count.
Written by a guest of the box "renew injury paper echo".
Sent by the box "Town hall".

This came by Omerta: boxes that carry messages from one to the next, by radio and by hand, where networks are down.
Nobody has checked who wrote it: whoever is near a box can give any name.
Please do not answer this mail. Its writer cannot read the answer.
Message ${bundleId(EXAMPLES[3]?.bundle ?? never())}
`);
  });

  test("of a call for help has the place, the people and how to reach them", () => {
    const text = mailOf("sos with all that can be said")?.text ?? "";
    expect(text).toContain(
      "Amira calls for help, at an Omerta box:\n\n    Water is rising.\n    We are on the roof.\n",
    );
    expect(text).toContain(
      "Where: School, Mill Street 4\nOn the map (latitude, longitude): 52.520008, -13.404954",
    );
    expect(text).toContain("People there: 5\nHurt: 2\nCan be reached: +49 30 1234567, channel 4");
    expect(mailOf("sos with nothing but words")?.subject).toBe("SOS from Somebody");
  });

  test("is made of nothing that is not for people outside", () => {
    for (const { name, bundle } of EXAMPLES) {
      if (!["sos", "check-in"].includes(bundle.kind)) expect(mailOf(name)).toBeUndefined();
    }
  });

  test("says how old it is in words", () => {
    const said = (ageMs: number) =>
      /Written (.*), as far/.exec(mailOf("sos with nothing but words", ageMs)?.text ?? "")?.[1];
    const ages = [0, 119_999, 120_000, 2 * HOUR_MS - 1, 2 * HOUR_MS, 48 * HOUR_MS - 1, 48 * HOUR_MS].map(
      said,
    );
    expect(ages).toEqual([
      "just now",
      "just now",
      "about 2 minutes ago",
      "about 119 minutes ago",
      "about 2 hours ago",
      "about 47 hours ago",
      "about 2 days ago",
    ]);
  });

  test("has a Message-ID that any box makes the same of the same bundle", () => {
    expect(messageIdOf("000102030405060708090a0b")).toBe("<000102030405060708090a0b@omerta-box.invalid>");
  });
});

describe("A mailto: address", () => {
  test("is one mailbox, its domain as DNS has it", () => {
    expect(mailAddress("mailto:a.b+c@Example.org")).toBe("a.b+c@example.org");
    expect(mailAddress("mailto:kin@bücher.example")).toBe("kin@xn--bcher-kva.example");
    expect(mailAddress("mailto:kin%2Btag@example.org")).toBe("kin+tag@example.org");
  });

  test("with headers, several mailboxes, line ends or what is no name is refused", () => {
    const bad = [
      "tel:+49301234",
      "mailto:a@b.org?subject=x",
      "mailto:a@b.org?bcc=c@d.org",
      "mailto:a,b@c.org",
      "mailto:a@b.org,c@d.org",
      "mailto:a%40b.org,c@d.org",
      "mailto:a%0d%0aRCPT@b.org",
      "mailto:a@b.org%0d%0aData",
      "mailto:a@b.org%3E",
      "mailto:a@b",
      "mailto:a@127.0.0.1",
      "mailto:a@[127.0.0.1]",
      "mailto:.a@b.org",
      "mailto:a..b@c.org",
      "mailto:\u00ada@b.org",
      "mailto:a@b\u00ad.org",
      "mailto:@b.org",
      "mailto:%zz@b.org",
      `mailto:${"a".repeat(65)}@b.org`,
      "mailto:a@-b.org",
    ];
    for (const uri of bad) expect([uri, mailAddress(uri)]).toEqual([uri, undefined]);
  });
});

describe("The options of the mail bridge", () => {
  const options: SmtpOptions = {
    host: "127.0.0.1",
    port: 25,
    security: "none",
    user: "",
    passwordFile: "",
    from: "box@example.org",
    boxName: "",
  };

  test("allow no unencrypted way to another machine, and no sender that is none", () => {
    expect(smtpBridge(options).schemes).toEqual(["mailto"]);
    for (const change of [{ host: "smtp.example.org" }, { from: "box" }, { from: "a@b.org\r\nBcc: c@d.org" }])
      expect(() => smtpBridge({ ...options, ...change })).toThrow(SmtpOptionsError);
    expect(() => smtpBridge({ ...options, host: "smtp.example.org", security: "starttls" })).not.toThrow();
  });

  test("lead to no attempt where there is no mail to be made", async () => {
    const { bundle } = EXAMPLES[0] ?? never();
    const item = { id: bundleId(bundle), bundle, uri: "mailto:a@b.org?bcc=c@d.org", ageMs: 0 };
    const { signal } = new AbortController();
    expect(await smtpBridge(options).send(item, signal)).toEqual({
      failed: "is no mail address that can be sent to",
    });
    const notice = EXAMPLES.find(({ name }) => name === "notice")?.bundle ?? never();
    expect(
      await smtpBridge(options).send({ ...item, uri: "mailto:a@b.org", bundle: notice }, signal),
    ).toEqual({
      failed: "a notice is not for people outside",
    });
  });

  test("of a server that is not there let the bridge wait", async () => {
    const { bundle } = EXAMPLES[0] ?? never();
    const item = { id: bundleId(bundle), bundle, uri: "mailto:a@b.org", ageMs: 0 };
    // Port 1 of this machine: nothing listens there.
    const outcome = await smtpBridge({ ...options, port: 1 }).send(item, new AbortController().signal);
    expect(outcome).toMatchObject({ of: "bridge", retryAfterMs: 0 });
  });
});

function never(): never {
  throw new Error("there is no such example");
}
