import { afterEach, describe, expect, test } from "bun:test";
import { DeskClient } from "../../../src/portal/desk-client.ts";
import { DeskMessagesClient } from "../../../src/portal/desk-messages-client.ts";
import { overSocket } from "../../../src/portal/desk-socket.ts";
import { scratchFolders } from "../scratch.ts";
import { gatewayWithDesk, STATION } from "./desk-gateway.ts";
import { idOf, MemoryMessages } from "./memory-messages.ts";

const scratch = scratchFolders();
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const SOS = { text: "Fire", name: "", place: { words: "" }, people: 0, injured: 0, contact: "" };
const CHECK_IN = { name: "Amal", state: "safe", text: "", place: { words: "" }, tell: "" } as const;
const POST = { name: "Amal", text: "Water at the school" };
const ADDRESS = STATION.ipv4;

/** A daemon with messages in memory, its desk on a real socket, and a client of it. */
async function desk(messages: MemoryMessages | undefined = new MemoryMessages()) {
  const made = await gatewayWithDesk(scratch(), messages);
  const server = made.serve();
  ends.push(
    () => made.journal.close(),
    () => made.gateway.stop(),
    () => server.stop(true),
  );
  const client = new DeskMessagesClient(overSocket(made.socket));
  const agrees = () => made.gateway.agree(ADDRESS, "en");
  return { ...made, messages, client, agrees, goAway: () => server.stop(true) };
}

let forms = 0;
const sender = () => {
  forms += 1;
  return { address: ADDRESS, form: `form-${forms}` };
};

describe("a guest who has agreed to nothing", () => {
  test("is heard when calling for help", async () => {
    const { client, messages } = await desk();
    expect(await client.sos(sender(), SOS)).toMatchObject({ kind: "sos", state: "waiting" });
    expect(messages.calls).toEqual([{ body: SOS, station: STATION.mac }]);
  });

  test("sees what has become of the call, and takes it back", async () => {
    const { client } = await desk();
    const sent = await client.sos(sender(), SOS);
    if ("refused" in sent) throw new Error(sent.refused);
    expect(await client.delivery(ADDRESS, sent.code)).toMatchObject({ id: sent.id, state: "waiting" });
    expect(await client.withdraw(ADDRESS, sent.code)).toEqual({ withdrawn: sent.id });
  });

  test("neither checks in, nor posts, nor reports", async () => {
    const { client, messages } = await desk();
    const refused = { refused: "consent", detail: "" } as const;
    expect(await client.checkIn(sender(), CHECK_IN)).toEqual(refused);
    expect(await client.post(sender(), "square", POST)).toEqual(refused);
    expect(await client.report(sender(), idOf(1), "")).toEqual(refused);
    expect([messages.checkedIn, messages.posted, messages.reports]).toEqual([[], [], []]);
  });
});

describe("a guest who has agreed", () => {
  test("checks in, posts, answers and reports, in the name of the device", async () => {
    const { client, messages, agrees } = await desk();
    await agrees();
    const at = { latitudeE6: -33_900_000, longitudeE6: 151_200_000 };
    const body = { ...CHECK_IN, place: { words: "School", at }, tell: "mailto:a@b.example" };
    expect(await client.checkIn(sender(), body)).toMatchObject({ kind: "check-in" });
    const post = await client.post(sender(), "square", POST);
    if ("refused" in post) throw new Error(post.refused);
    await client.post(sender(), "square", { name: "", text: "Thanks", replyTo: post.id });
    expect(await client.report(sender(), post.id, "rude")).toEqual({ reported: true });
    expect(await client.checkIns("ama")).toMatchObject({ items: [{ name: "Amal", place: { at } }] });
    expect(await client.posts("square")).toMatchObject({
      items: [{ replyTo: post.id }, { text: POST.text }],
    });
    expect(messages.told).toEqual(["mailto:a@b.example"]);
    expect(messages.reports).toEqual([{ id: post.id, reason: "rude", station: STATION.mac }]);
  });

  test("who sends a form twice gets the same answer, and it is taken once", async () => {
    const { client, messages, agrees } = await desk();
    await agrees();
    const form = sender();
    const [first, second] = [
      await client.post(form, "square", POST),
      await client.post(form, "square", POST),
    ];
    expect(second).toEqual(first);
    expect(messages.posted).toHaveLength(1);
  });

  test("who has left is asked again", async () => {
    const { client, gateway, agrees } = await desk();
    await agrees();
    await gateway.leave(ADDRESS);
    expect(await client.post(sender(), "square", POST)).toMatchObject({ refused: "consent" });
  });
});

describe("the desk's messages", () => {
  test("are read by page, room and name", async () => {
    const { client, agrees } = await desk();
    await agrees();
    for (let count = 0; count < 5; count += 1)
      await client.post(sender(), "square", { name: "", text: `${count}` });
    const first = await client.posts("square", undefined, 2);
    if ("refused" in first) throw new Error(first.refused);
    expect(first.items.map(({ text }) => text)).toEqual(["4", "3"]);
    expect(await client.posts("square", first.next, 3)).toMatchObject({
      items: [{ text: "2" }, { text: "1" }, { text: "0" }],
    });
    expect(await client.rooms()).toEqual([{ room: "square", posts: 5 }]);
    expect(await client.notices()).toEqual([]);
  });

  test("take no form that breaks its limits, and say which field does", async () => {
    const { client, messages, agrees } = await desk();
    await agrees();
    const long = "x".repeat(1_001);
    const cases = [
      [client.sos(sender(), { ...SOS, text: "" }), "text"],
      [client.sos(sender(), { ...SOS, text: long }), "text"],
      [client.sos(sender(), { ...SOS, people: -1 }), "people"],
      [client.sos(sender(), { ...SOS, people: 1.5 }), "people"],
      [client.sos(sender(), { ...SOS, batteryPercent: 101 }), "batteryPercent"],
      [client.sos(sender(), { ...SOS, place: { words: "x".repeat(121) } }), "place.words"],
      [
        client.sos(sender(), { ...SOS, place: { words: "", at: { latitudeE6: 91e6, longitudeE6: 0 } } }),
        "place.at.latitudeE6",
      ],
      [client.checkIn(sender(), { ...CHECK_IN, name: "" }), "name"],
      [client.checkIn(sender(), { ...CHECK_IN, tell: "javascript:alert(1)" }), "tell"],
      [client.post(sender(), "", POST), "room"],
      [client.post(sender(), "square", { ...POST, replyTo: "../../x" }), "replyTo"],
      [client.post({ address: ADDRESS, form: "a b" }, "square", POST), "form"],
      [client.post({ address: "nonsense", form: "a" }, "square", POST), "address"],
      [client.report(sender(), idOf(1), "x".repeat(201)), "reason"],
      [client.posts("square", undefined, 51), "most"],
    ] as const;
    for (const [asked, field] of cases) {
      expect(await asked).toEqual({
        refused: "form",
        detail: expect.stringMatching(new RegExp(`^${field}: `)),
      });
    }
    expect([messages.calls, messages.checkedIn, messages.posted]).toEqual([[], [], []]);
  });

  test("count signs of any script as one, as bundles do", async () => {
    const { client, agrees } = await desk();
    await agrees();
    expect(await client.post(sender(), "square", { name: "", text: "🙂".repeat(1_000) })).toHaveProperty(
      "code",
    );
    expect(await client.post(sender(), "square", { name: "", text: "🙂".repeat(1_001) })).toMatchObject({
      refused: "form",
    });
  });

  test("hand on why the box did not take a form", async () => {
    const { client, messages } = await desk();
    messages.refusal = { refused: "slow-down", detail: "" };
    expect(await client.sos(sender(), SOS)).toEqual({ refused: "slow-down", detail: "" });
  });

  test("know no code that was not given out", async () => {
    const { client } = await desk();
    for (const code of ["", "1234-1234-1234", "x".repeat(64)])
      expect(await client.delivery(ADDRESS, code)).toMatchObject({ refused: "unknown" });
  });

  test("say that nobody knows a device that has no address from here", async () => {
    const { client } = await desk();
    expect(await client.sos({ address: "10.20.9.9", form: "a" }, SOS)).toMatchObject({
      refused: "unknown-station",
    });
  });

  test("answer, and do not throw, when the daemon fails or is away", async () => {
    const { client, messages, goAway } = await desk();
    messages.notices = () => {
      throw new Error("out of order");
    };
    expect(await client.notices()).toMatchObject({ refused: "unreachable" });
    await goAway();
    expect(await client.sos(sender(), SOS)).toMatchObject({ refused: "unreachable" });
    expect(await client.rooms()).toMatchObject({ refused: "unreachable" });
  });

  test("are not there on a box without any, which tells the portal so", async () => {
    const made = await gatewayWithDesk(scratch());
    const server = made.serve();
    ends.push(
      () => made.journal.close(),
      () => made.gateway.stop(),
      () => server.stop(true),
    );
    expect(await new DeskMessagesClient(overSocket(made.socket)).rooms()).toMatchObject({
      refused: "unreachable",
    });
    const events = new DeskClient(made.socket).events();
    expect((await events.next()).value).toMatchObject({ kind: "facts", facts: { messages: false } });
    await events.return(undefined);
  });
});

test("the desk tells of many changes of what is public once, and of none after its listener is gone", async () => {
  const { socket, messages } = await desk();
  const events = new DeskClient(socket).events();
  expect((await events.next()).value).toMatchObject({ kind: "facts", facts: { messages: true } });
  for (let change = 0; change < 100; change += 1) messages.changed();
  expect((await events.next()).value).toEqual({ kind: "public" });
  // What comes next is the line that it says every few seconds: no second one was waiting.
  expect((await events.next()).value).toEqual({ kind: "alive" });
  await events.return(undefined);
});
