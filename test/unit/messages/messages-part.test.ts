import { afterEach, describe, expect, test } from "bun:test";
import { defaultConfig } from "../../../src/config/index.ts";
import { fingerprint, signingKey } from "../../../src/identity/index.ts";
import { encodeBody } from "../../../src/messages/bundle/body-codec.ts";
import { bundleId, encodeBundle, makeBundle } from "../../../src/messages/bundle/bundle-codec.ts";
import type { NotSent, Sent } from "../../../src/messages/desk/guest-messages.ts";
import { scratchFolders } from "../scratch.ts";
import { solved } from "./desk/solved.ts";
import { messagesBox } from "./messages-box.ts";

const scratch = scratchFolders();
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function started(folder = scratch(), options: Parameters<typeof messagesBox>[1] = {}) {
  const box = messagesBox(folder, options);
  await box.part.start();
  ends.push(() => box.part.stop());
  return { ...box, folder };
}

const PHONE = { station: "02:00:00:00:00:01" };
const OTHER = { station: "02:00:00:00:00:02" };
const SOS = {
  text: "The stairs are gone",
  name: "Ada",
  place: { words: "Mill Lane 4" },
  people: 3,
  injured: 1,
  contact: "",
};
const CHECK_IN = {
  name: "Ada Lovelace",
  state: "safe",
  text: "",
  place: { words: "School" },
  tell: "",
} as const;

function sent(answer: Sent | NotSent): Sent {
  if ("refused" in answer) throw new Error(`${answer.refused}: ${answer.detail}`);
  return answer;
}

describe("a guest without a key", () => {
  test("calls for help, sees that it waits, and then what the operator says", async () => {
    const { guests, operator, told } = await started();
    const call = sent(await guests.sos(PHONE, SOS));
    expect(call.state).toBe("waiting");
    expect(call.code).toMatch(/^\d{4}-\d{4}-\d{4}$/);
    expect(operator.sosBoard()).toMatchObject([{ id: call.id, text: SOS.text, people: 3, state: "waiting" }]);
    expect(await operator.acknowledge(call.id.slice(0, 8), "Two people with a ladder come")).toBe(call.id);
    expect(guests.delivery(PHONE, call.code)).toMatchObject({
      state: "acknowledged",
      note: "Two people with a ladder come",
      by: "Market Square",
    });
    expect(operator.status().sos).toEqual({ open: 1, acknowledged: 1 });
    await operator.close(call.id, "All are down");
    expect(operator.sosBoard()).toEqual([]);
    expect(operator.sosBoard(true)).toMatchObject([{ state: "closed", note: "All are down" }]);
    expect(told.map(({ kind }) => kind)).toEqual(["sos-acknowledged", "sos-closed"]);
  });

  test("checks in, is found by a part of the name, and takes it back by the code from another phone", async () => {
    const { guests } = await started();
    const { id, code } = sent(await guests.checkIn(PHONE, CHECK_IN));
    expect(guests.checkIns("lovel").items).toMatchObject([{ id, name: "Ada Lovelace", state: "safe" }]);
    expect(guests.checkIns("turing").items).toEqual([]);
    expect(await guests.withdraw(OTHER, "0000-0000-0000")).toMatchObject({ refused: "unknown" });
    expect(guests.checkIns("lovel").items).toHaveLength(1);
    expect(await guests.withdraw(OTHER, code.replaceAll("-", " "))).toEqual({ withdrawn: id });
    expect(guests.checkIns("lovel").items).toEqual([]);
  });

  test("has somebody outside told of it, until it is taken back", async () => {
    const { guests, operator } = await started();
    const { code } = sent(await guests.checkIn(PHONE, { ...CHECK_IN, tell: "mailto:mum@example.org" }));
    expect(operator.outbox()).toMatchObject([{ uri: "mailto:mum@example.org", state: "waiting" }]);
    expect(await guests.checkIn(PHONE, { ...CHECK_IN, tell: "mum" })).toMatchObject({
      refused: "form",
      detail: expect.stringContaining("check-in.tell"),
    });
    await guests.withdraw(PHONE, code);
    expect(operator.outbox()).toEqual([]);
  });

  test("posts to the town square, not to rooms that are none, and is read with the newest first", async () => {
    const { guests } = await started();
    const first = sent(await guests.post(PHONE, "square", { name: "Ada", text: "Bread at the school" }));
    const reply = { name: "", text: "Thank you", replyTo: first.id };
    const second = sent(await guests.post(OTHER, "square", reply));
    expect(guests.posts("square").items).toMatchObject([
      { id: second.id, replyTo: first.id },
      { id: first.id, text: "Bread at the school", room: "square" },
    ]);
    expect(await guests.post(PHONE, "cellar", { name: "", text: "x" })).toMatchObject({
      refused: "form",
      detail: expect.stringContaining("post.room"),
    });
    expect(guests.rooms()).toEqual([{ room: "square", posts: 2 }]);
  });

  test("finds the rooms that the operator has named before anybody has written there", async () => {
    const config = { ...defaultConfig().messages, rooms: ["Kitchen"] };
    const { guests } = await started(scratch(), { config });
    expect(guests.rooms()).toEqual([{ room: "Kitchen", posts: 0 }]);
    sent(await guests.post(PHONE, "Kitchen", { name: "", text: "Soup at noon" }));
    expect(guests.rooms()).toEqual([{ room: "Kitchen", posts: 1 }]);
  });

  test("who sends a form twice has sent one message", async () => {
    const { guests } = await started();
    const form = { ...PHONE, form: "f1" };
    const [one, two] = await Promise.all([guests.sos(form, SOS), guests.sos(form, SOS)]);
    expect(one).toEqual(two);
    const again = await guests.sos({ ...PHONE, form: "f2" }, SOS);
    expect(sent(again).id).not.toBe(sent(one).id);
  });

  test("is told the field that is wrong, and it costs nothing of what may be written", async () => {
    const { guests } = await started();
    for (let time = 0; time < 20; time += 1)
      expect(await guests.sos(PHONE, { ...SOS, text: "" })).toMatchObject({
        refused: "form",
        detail: expect.stringContaining("sos.text"),
      });
    sent(await guests.sos(PHONE, SOS));
  });

  test("who floods is slowed down, and others are not", async () => {
    const { guests } = await started();
    const post = (writer: typeof PHONE) => guests.post(writer, "square", { name: "", text: "x" });
    let last: Sent | NotSent = await post(PHONE);
    for (let count = 0; count < 10; count += 1) last = await post(PHONE);
    expect(last).toMatchObject({ refused: "slow-down" });
    sent(await post(OTHER));
    sent(await guests.sos(PHONE, SOS));
  });

  test("who floods comes through by work, with the same form once", async () => {
    const { guests } = await started();
    const post = (more: { form: string; work?: string }) =>
      guests.post({ ...PHONE, ...more }, "square", { name: "", text: more.form });
    for (let count = 0; count < 8; count += 1) sent(await post({ form: `f${count}` }));
    const refused = await post({ form: "late" });
    if (!("refused" in refused) || refused.work === undefined) throw new Error("no work was asked for");
    const work = solved(refused.work);
    expect(await post({ form: "another", work })).toMatchObject({ refused: "slow-down" });
    const taken = sent(await post({ form: "late", work }));
    expect(sent(await post({ form: "late", work }))).toEqual(taken);
    expect(guests.posts("square").items).toHaveLength(9);
  });

  test("who calls for help too often comes through by work", async () => {
    const { guests } = await started();
    for (let count = 0; count < 5; count += 1) sent(await guests.sos(PHONE, SOS));
    const call = (more: { work?: string }) => guests.sos({ ...PHONE, form: "late", ...more }, SOS);
    const refused = await call({});
    if (!("refused" in refused) || refused.work === undefined) throw new Error("no work was asked for");
    sent(await call({ work: solved(refused.work) }));
  });
});

describe("an operator", () => {
  test("tells everybody something that is marked as trusted", async () => {
    const { guests, operator } = await started();
    const id = await operator.notify("warning", "The river rises", 3_600);
    expect(guests.notices()).toMatchObject([
      { id, level: "warning", text: "The river rises", trusted: true },
    ]);
  });

  test("takes a post away, and everybody sees that and why", async () => {
    const { guests, operator } = await started();
    const { id } = sent(await guests.post(PHONE, "square", { name: "Eve", text: "Give me your password" }));
    await guests.report(OTHER, id, "a fraud");
    expect(operator.reported()).toMatchObject([{ id, count: 1, reasons: ["a fraud"] }]);
    expect(await operator.remove(id.slice(0, 8), "a fraud")).toBeString();
    expect(guests.posts("square").items).toMatchObject([
      { id, text: "", removed: { by: "operator", reason: "a fraud" } },
    ]);
    expect(operator.reported()).toEqual([]);
  });

  test("tells whoever wrote what was taken away, with the reason", async () => {
    const { guests, operator } = await started();
    const post = sent(await guests.post(PHONE, "square", { name: "Eve", text: "Free money" }));
    const checkIn = sent(await guests.checkIn(PHONE, CHECK_IN));
    await operator.remove(post.id, "a fraud");
    expect(guests.delivery(PHONE, post.code)).toEqual({
      id: post.id,
      kind: "post",
      state: "removed",
      note: "a fraud",
      removedBy: "operator",
    });
    await guests.withdraw(PHONE, checkIn.code);
    expect(guests.delivery(PHONE, checkIn.code)).toMatchObject({ state: "removed", removedBy: "sender" });
    expect(guests.deliveries([post.id])).toMatchObject([{ state: "removed", note: "a fraud" }]);
  });

  test("who removes a call for help has closed it", async () => {
    const { guests, operator } = await started();
    const call = sent(await guests.sos(PHONE, SOS));
    expect(await operator.remove(call.id, "a joke")).toBe(call.id);
    expect(operator.sosBoard()).toEqual([]);
    expect(operator.sosBoard(true)).toMatchObject([{ id: call.id, state: "closed", note: "a joke" }]);
  });

  test("blocks a device, which then writes nothing, and lets it write again", async () => {
    const { guests, operator } = await started();
    expect(await operator.block(PHONE.station)).toEqual({ blocked: PHONE.station });
    expect(await guests.post(PHONE, "square", { name: "", text: "x" })).toMatchObject({ refused: "blocked" });
    await operator.unblock(PHONE.station);
    sent(await guests.post(PHONE, "square", { name: "", text: "x" }));
  });

  test("blocks whoever wrote something by its id, and not a box whose guest it was", async () => {
    const [one, two] = [await started(), await started()];
    const post = sent(await one.guests.post(PHONE, "square", { name: "Eve", text: "Free money" }));
    const stick = scratch();
    await one.operator.exportTo(stick);
    await two.operator.importFrom(stick);
    expect(await one.operator.block(post.id)).toEqual({ blocked: PHONE.station });
    expect(await one.guests.post(PHONE, "square", { name: "", text: "x" })).toMatchObject({
      refused: "blocked",
    });
    expect(await two.operator.block(post.id)).toMatchObject({ refused: "unknown" });
    expect(two.operator.blocked()).toEqual([]);
  });

  test("is told where a folder cannot be used", async () => {
    const { operator } = await started();
    expect(await operator.importFrom("/no/such/folder")).toMatchObject({
      refused: "form",
      detail: expect.stringContaining("/no/such/folder"),
    });
  });

  test("is told that there is no such thing, or that several begin so", async () => {
    const { operator } = await started();
    expect(await operator.acknowledge("abcd", "")).toMatchObject({ refused: "unknown" });
    expect(await operator.remove("abcd", "")).toMatchObject({ refused: "unknown" });
    expect(await operator.block("four words of nobody")).toMatchObject({ refused: "unknown" });
    expect(await operator.unblock("nobody")).toMatchObject({ refused: "unknown" });
  });

  test("carries all messages to another box in a folder", async () => {
    const [one, two] = [await started(), await started()];
    sent(await one.guests.sos(PHONE, SOS));
    sent(await one.guests.checkIn(PHONE, CHECK_IN));
    const stick = scratch();
    expect(await one.operator.exportTo(stick)).toMatchObject({ written: 2 });
    expect(await two.operator.importFrom(stick)).toMatchObject({ taken: 2, refused: 0 });
    expect(two.operator.sosBoard()).toMatchObject([{ text: SOS.text }]);
    expect(two.guests.checkIns("ada").items).toHaveLength(1);
    expect(await two.operator.importFrom(stick)).toMatchObject({ taken: 0, known: 2 });
  });
});

describe("what was written", () => {
  test("is there after a restart, with its code", async () => {
    const folder = scratch();
    const before = messagesBox(folder);
    await before.part.start();
    const call = sent(await before.guests.sos(PHONE, SOS));
    await before.part.stop();
    const { guests, operator } = await started(folder);
    expect(operator.sosBoard()).toMatchObject([{ id: call.id }]);
    expect(guests.delivery(PHONE, call.code)).toMatchObject({ id: call.id, state: "waiting" });
  });

  test("before the box belonged to a network can be taken back after it", async () => {
    const { guests, memberships } = await started();
    const { code, id } = sent(await guests.checkIn(PHONE, CHECK_IN));
    memberships.found("Valley", "Market");
    const later = sent(await guests.checkIn(OTHER, { ...CHECK_IN, name: "Grace" }));
    expect(await guests.withdraw(PHONE, code)).toEqual({ withdrawn: id });
    expect(guests.checkIns("").items.map((one) => one.id)).toEqual([later.id]);
  });

  test("with a mail server that was named wrongly is kept all the same, and the operator is told", async () => {
    const config = defaultConfig().messages;
    config.mail.host = "mail.example.org";
    config.mail.from = "not an address";
    const { part, guests, operator } = await started(scratch(), { config });
    sent(await guests.checkIn(PHONE, { ...CHECK_IN, tell: "mailto:mum@example.org" }));
    expect(operator.outbox()).toMatchObject([{ state: "waiting" }]);
    expect(part.trouble()).toContain("messages.mail.from");
  });
});

describe("a person with a key", () => {
  test("is shown to no one who cannot prove to be them", async () => {
    const { guests } = await started();
    const key = signingKey(new Uint8Array(32).fill(3));
    const proof = new Uint8Array(88);
    expect(guests.inbox(key.publicKey, proof, 0)).toMatchObject({ refused: "unknown" });
  });

  test("is known to the operator by their words once somebody has reported them, and is blocked by these", async () => {
    const { guests, operator } = await started();
    const key = signingKey(new Uint8Array(32).fill(3));
    const card = makeBundle(
      {
        kind: "card",
        sender: { as: "person", key: key.publicKey },
        to: { kind: "everyone" },
        priority: "room",
        lifetimeS: 600,
        createdS: 0,
        sequence: 1,
        body: encodeBody("card", { name: "Eve", prekey: new Uint8Array(32), prekeyNumber: 1, version: 1 }),
      },
      (message) => key.sign(message),
    );
    expect(await guests.submit(PHONE, encodeBundle(card))).toMatchObject({ state: "new" });
    await guests.report(OTHER, bundleId(card), "threatens me");
    const words = fingerprint(key.publicKey);
    expect(operator.reported()).toMatchObject([{ text: `Eve (${words})`, reasons: ["threatens me"] }]);
    await operator.block(words);
    expect(await guests.submit(PHONE, encodeBundle({ ...card }))).toMatchObject({ refused: "blocked" });
    await operator.unblock(words);
    expect(operator.blocked()).toEqual([]);
  });

  test("whose page hands over a box's bundle, or none, is refused", async () => {
    const { guests } = await started();
    expect(await guests.submit(PHONE, new Uint8Array(200))).toMatchObject({ refused: "form" });
  });
});
