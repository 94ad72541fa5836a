import { afterEach, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { messagesConsole } from "../../../src/portal/messages-console.ts";
import { Writer } from "../messages/custody/writers.ts";
import { messagesBox } from "../messages/messages-box.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function stand() {
  const { part, guests, operator, memberships } = messagesBox(scratch());
  await part.start();
  ends.push(() => part.stop());
  const app = new Hono().route("/messages", messagesConsole(operator, "Market Square"));
  const page = async () => (await app.request("/messages")).text();
  const token = async () => /name="token" value="([^"]+)"/.exec(await page())?.[1] ?? "";
  const send = async (action: string, fields: Record<string, string>) => {
    const body = new URLSearchParams({ token: await token(), ...fields });
    return await app.request(`/messages/${action}`, { method: "POST", body });
  };
  return { guests, operator, memberships, page, send };
}

const PHONE = { station: "02:00:00:00:00:01" };
const SOS = {
  text: "<script>alert(1)</script> The stairs are gone",
  name: "Ada",
  place: { words: "Mill Lane 4" },
  people: 3,
  injured: 1,
  contact: "",
};

describe("the operator's page of messages", () => {
  test("shows a call for help first, escaped, and acknowledges it", async () => {
    const { guests, page, send } = await stand();
    const sent = await guests.sos(PHONE, SOS);
    if ("refused" in sent) throw new Error(sent.detail);
    const before = await page();
    expect(before).toContain("&lt;script&gt;alert(1)&lt;/script&gt; The stairs are gone");
    expect(before).not.toContain("<script>");
    expect(before.indexOf("The stairs are gone")).toBeLessThan(before.indexOf("Town square"));
    const answer = await send("acknowledge", { id: sent.id, note: "We come" });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/messages?done"]);
    expect(guests.delivery(PHONE, sent.code)).toMatchObject({ state: "acknowledged", note: "We come" });
    await send("hand-over", { id: sent.id, to: "Fire brigade" });
    expect(await page()).toContain("Fire brigade");
    await send("close", { id: sent.id, note: "" });
    expect(await page()).not.toContain("The stairs are gone");
  });

  test("says who the network vouches for, and who nobody does", async () => {
    const { guests, memberships, page } = await stand();
    memberships.found("Valley");
    const [ana, bo] = [new Writer(1), new Writer(2)];
    for (const { encoded } of [ana.sos("Smoke"), bo.post("Soup at noon")])
      await guests.submit(PHONE, encoded);
    expect((await page()).match(/nobody vouches for them/g)).toHaveLength(2);
    const joined = await guests.join(PHONE, ana.publicKey, "Ana", "");
    if ("refused" in joined) throw new Error(joined.detail);
    await guests.submit(PHONE, ana.write("credentials", { chain: joined.chain }).encoded);
    const after = await page();
    const mark = '<article class="open"><p class="v">✓ <bdi>Valley</bdi> vouches for them</p>';
    expect(after.split(mark)).toHaveLength(2);
    expect(after.match(/class="v"/g)).toHaveLength(1);
    expect(after.match(/nobody vouches for them/g)).toHaveLength(1);
  });

  test("tells everybody, takes away, blocks and lets write again", async () => {
    const { guests, operator, page, send } = await stand();
    await send("notify", { text: "The river rises", level: "danger", hours: "3" });
    expect(guests.notices()).toMatchObject([{ level: "danger", text: "The river rises" }]);
    const post = await guests.post(PHONE, "square", { name: "Eve", text: "Free money" });
    if ("refused" in post) throw new Error(post.detail);
    await send("remove", { id: post.id, reason: "a fraud" });
    expect(await page()).toContain("Taken away by its operator: a fraud");
    await send("block", { who: PHONE.station });
    expect(operator.blocked()).toEqual([PHONE.station]);
    await send("unblock", { who: PHONE.station });
    expect(operator.blocked()).toEqual([]);
  });

  test("does nothing without the token of the page, and says what is wrong with a form", async () => {
    const { operator, send } = await stand();
    const forged = await send("notify", {
      text: "Leave your homes",
      level: "danger",
      hours: "3",
      token: "x",
    });
    expect(forged.status).toBe(403);
    expect(operator.notices()).toEqual([]);
    const wrong = await send("notify", { text: "", level: "danger", hours: "9999" });
    expect(wrong.status).toBe(409);
    const text = await wrong.text();
    for (const field of ["text:", "hours:"]) expect(text).toContain(field);
    expect((await send("acknowledge", { id: "abcd", note: "" })).status).toBe(409);
    expect((await send("explode", {})).status).toBe(404);
  });
});
