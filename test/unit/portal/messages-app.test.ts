import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ENGLISH, LANGUAGES } from "../../../portal/locales/index.ts";
import { RELEASED, settle } from "./fake-desk.ts";
import { idOf } from "./memory-messages.ts";
import { ADDRESS, formOn, messagePortal, OTHER, stationAt, wordsOn } from "./message-portal.ts";

const EN = ENGLISH.texts;
const location = (response: Response) => response.headers.get("location") ?? "";
const codeOf = (response: Response) => new URL(location(response), "http://x").searchParams.get("code") ?? "";

const ATTACK = `"><script>alert(1)</script><img src=x onerror=alert(2)>' onmouseover='alert(3)&lt;{name}`;

/** What a page must not hold, whoever wrote what is on it. */
function forged(html: string): string[] {
  const found: string[] = [];
  new HTMLRewriter()
    .on("*", {
      element(element) {
        if (["script", "img", "iframe", "object", "svg"].includes(element.tagName))
          found.push(element.tagName);
        for (const [name] of element.attributes) if (name.startsWith("on")) found.push(name);
      },
    })
    .transform(html.replace(/<div class="c".*?<\/div>/s, ""));
  return found;
}

describe("a person who needs help", () => {
  test("is two taps from joining to a call that is written down, with nothing agreed to", async () => {
    const { text, fillIn, memory } = await messagePortal();
    expect(await text("/")).toContain('href="/sos?lang=en"');
    const answer = await fillIn("/sos", { text: "Fire" });
    expect([answer.status, location(answer)]).toEqual([303, "/mine?lang=en&code=0000-0000-0001"]);
    expect(memory.calls).toEqual([
      {
        body: { text: "Fire", name: "", place: { words: "" }, people: 0, injured: 0, contact: "" },
        station: stationAt(ADDRESS),
      },
    ]);
  });

  test("can say everything that helpers ask, in the digits of any script", async () => {
    const { fillIn, memory } = await messagePortal();
    await fillIn("/sos", {
      text: "Fire\r\nand smoke",
      place: " Mill Lane 4,  second floor ",
      people: "١٢",
      injured: "३",
      battery: "8 %",
      name: "Amal",
      contact: "channel 7",
      at: "-33.9, 151.2",
    });
    expect(memory.calls[0]?.body).toEqual({
      text: "Fire\nand smoke",
      place: {
        words: "Mill Lane 4,  second floor",
        at: { latitudeE6: -33_900_000, longitudeE6: 151_200_000 },
      },
      people: 12,
      injured: 3,
      batteryPercent: 8,
      name: "Amal",
      contact: "channel 7",
    });
  });

  test("is told what happens now, and that a telephone comes first", async () => {
    const { text, fillIn } = await messagePortal();
    for (const page of [await text("/sos"), await text(location(await fillIn("/sos", { text: "Fire" })))]) {
      expect(wordsOn(page)).toContain(EN["sos.phone"]);
      expect(wordsOn(page)).toContain(EN["sos.next"]);
    }
    expect(wordsOn(await text("/sos"))).toContain(EN["sos.free"]);
  });

  test("sees on a page that looks again by itself how far the call has come", async () => {
    const { text, fillIn, memory } = await messagePortal();
    const answer = await fillIn("/sos", { text: "Fire" });
    const look = async () => wordsOn(await text(location(answer)));
    expect(await text(location(answer))).toContain(
      'http-equiv="refresh" content="20;url=/mine?lang=en&amp;code=0000-0000-0001"',
    );
    expect(await look()).toContain(EN["mine.waiting"]);
    memory.moveOn(codeOf(answer), { state: "on-lora", etaSeconds: 240 });
    expect(await look()).toContain(EN["mine.onLora"]);
    expect(await look()).toContain("4\u00a0minutes".replace("\u00a0", " "));
    memory.moveOn(codeOf(answer), { state: "handed-over" });
    expect(await look()).toContain(EN["mine.handedOver"]);
    memory.moveOn(codeOf(answer), { state: "acknowledged", note: "We come by boat", by: "Hill school" });
    const acknowledged = await look();
    for (const words of [EN["mine.acknowledged"], "We come by boat", "Hill school"])
      expect(acknowledged).toContain(words);
    expect(acknowledged).not.toContain(EN["sos.next"]);
    memory.moveOn(codeOf(answer), { state: "handed-over", note: "to the fire brigade" });
    expect(await look()).toContain(EN["mine.passedOn"]);
    memory.moveOn(codeOf(answer), { state: "closed" });
    expect(await text(location(answer))).not.toContain("http-equiv");
  });

  test("who taps twice has called once", async () => {
    const { text, send, memory } = await messagePortal();
    const { action, hidden } = formOn(await text("/sos"));
    const [first, second] = await Promise.all([
      send(action, { ...hidden, text: "Fire" }),
      send(action, { ...hidden, text: "Fire" }),
    ]);
    expect(location(second)).toBe(location(first));
    expect(memory.calls).toHaveLength(1);
  });

  test("who calls twice from two pages has called twice", async () => {
    const { fillIn, memory } = await messagePortal();
    const [first, second] = [await fillIn("/sos", { text: "Fire" }), await fillIn("/sos", { text: "Fire" })];
    expect(location(second)).not.toBe(location(first));
    expect(memory.calls).toHaveLength(2);
  });

  test("finds every word again when the form could not be taken, and each fault by its field", async () => {
    const { fillIn, memory } = await messagePortal();
    const fields = {
      text: "  Fire\nhere ",
      place: "Mill Lane",
      people: "many",
      injured: "-1",
      battery: "101",
      name: "Amal",
      contact: "channel 7",
      at: "95, 200",
    };
    const html = await (await fillIn("/sos", fields)).text();
    expect(formOn(html).values).toEqual({ ...fields, text: "Fire\nhere" });
    for (const field of ["people", "injured", "battery", "at"]) {
      expect(html).toContain(`href="#${field}"`);
      expect(html).toContain(`aria-describedby="${field}-e"`);
    }
    expect(wordsOn(html)).toContain("How many people are there? : A whole number from 0 to 99,999, please.");
    expect(html).toContain("<details open");
    expect(memory.calls).toEqual([]);
  });

  test("can send the same page again after a mistake, and after that not twice", async () => {
    const { fillIn, send, memory } = await messagePortal();
    const html = await (await fillIn("/sos", { text: "" })).text();
    expect(html).toContain(EN["error.missing"]);
    const { action, hidden } = formOn(html);
    const mended = { ...hidden, text: "Fire" };
    expect(location(await send(action, mended))).toBe(location(await send(action, mended)));
    expect(memory.calls).toHaveLength(1);
  });

  test("loses no word to a page that was too old", async () => {
    const { send, memory } = await messagePortal();
    const stale = { token: "A".repeat(34), lang: "en", text: "Fire", place: "Mill Lane" };
    const html = await (await send("/sos", stale)).text();
    expect(html).toContain(EN["problem.again"]);
    expect(formOn(html).values).toMatchObject({ text: "Fire", place: "Mill Lane" });
    expect(memory.calls).toEqual([]);
    const { action, hidden } = formOn(html);
    await send(action, { ...hidden, text: "Fire" });
    expect(memory.calls).toHaveLength(1);
  });

  test.each([
    ["slow-down", "error.slow"],
    ["full", "error.full"],
    ["quota", "error.quota"],
    ["blocked", "error.blocked"],
    ["form", "error.form"],
  ] as const)("is told in words that the box refuses: %s", async (refused, key) => {
    const { fillIn, memory } = await messagePortal();
    memory.refusal = { refused, detail: "" };
    const html = await (await fillIn("/sos", { text: "Fire" })).text();
    expect(html).toContain(EN[key]);
    expect(formOn(html).values).toMatchObject({ text: "Fire" });
  });

  test("is not heard twice when the daemon was away for a moment", async () => {
    const { fillIn, send, away, memory } = await messagePortal();
    const form = formOn(await (await fillIn("/sos", { text: "" })).text());
    away.is = true;
    const html = await (await send("/sos", { ...form.hidden, text: "Fire" })).text();
    expect(html).toContain(EN["error.away"]);
    away.is = false;
    const again = formOn(html);
    await send(again.action, { ...again.hidden, ...again.values });
    await send(again.action, { ...again.hidden, ...again.values });
    expect(memory.calls).toHaveLength(1);
  });

  test("takes the call back by the code, in two taps", async () => {
    const { fillIn, text, send } = await messagePortal();
    const answer = await fillIn("/sos", { text: "Fire" });
    const { action, hidden } = formOn(await text(location(answer)));
    expect(await (await send(action, hidden)).text()).toContain(EN["mine.takenBack"]);
    expect(wordsOn(await text(location(answer)))).toContain(EN["error.unknown"]);
  });
});

describe("checking in", () => {
  test("asks for consent first, and comes back afterwards", async () => {
    const { text, fillIn, desk, directory } = await messagePortal();
    const page = await text("/check-in");
    expect(page).toContain('action="/agree"');
    expect(page).toContain(EN["form.consent"]);
    const answer = await fillIn("/check-in", {});
    expect([answer.status, location(answer)]).toEqual([303, "/check-in?lang=en"]);
    directory.forget(ADDRESS);
    expect(desk.calls).toContain(`agree ${ADDRESS} en`);
    expect(await text("/check-in")).toContain('action="/check-in"');
  });

  test("by a form that was given before its owner left, asks again", async () => {
    const { text, send, desk, agrees, memory } = await messagePortal();
    agrees();
    const { hidden } = formOn(await text("/check-in"));
    desk.guests.clear();
    expect(await (await send("/check-in", { ...hidden, name: "Amal" })).text()).toContain('action="/agree"');
    expect(memory.checkedIn).toEqual([]);
  });

  test("is seen by everybody, and somebody outside is told", async () => {
    const { fillIn, text, agrees, memory } = await messagePortal();
    agrees();
    const answer = await fillIn("/check-in", {
      name: "Amal",
      state: "on-the-move",
      text: "Going north",
      place: "School",
      tell: "٠٣٠ 1234-567",
    });
    expect(memory.told).toEqual(["tel:0301234567"]);
    expect(wordsOn(await text(location(answer)))).toContain(EN["mine.checkIn"]);
    await settle();
    const people = wordsOn(await text("/people", { from: OTHER }));
    for (const words of ["Amal", EN["checkIn.onTheMove"], "Going north", "School", "now"])
      expect(people).toContain(words);
    expect(people).not.toContain("0301234567");
  });

  test("says what it makes public before it is sent", async () => {
    const { text, agrees } = await messagePortal();
    agrees();
    const words = wordsOn(await text("/check-in"));
    expect(words).toContain(EN["checkIn.public"]);
    expect(words).toContain(EN["checkIn.tellHow"]);
  });

  test("needs a name, and an address that is one", async () => {
    const { fillIn, agrees, memory } = await messagePortal();
    agrees();
    const html = await (await fillIn("/check-in", { name: " ", tell: "my sister" })).text();
    expect(wordsOn(html)).toContain(`${EN["checkIn.name"]} : ${EN["error.missing"]}`);
    expect(wordsOn(html)).toContain(EN["error.tell"]);
    expect(formOn(html).values).toMatchObject({ tell: "my sister", state: "safe" });
    expect(memory.checkedIn).toEqual([]);
  });

  test("keeps what was chosen, and takes no state that there is not", async () => {
    const { fillIn, agrees, memory } = await messagePortal();
    agrees();
    const again = await (await fillIn("/check-in", { name: "", state: "hurt" })).text();
    expect(formOn(again).values).toMatchObject({ state: "hurt" });
    await fillIn("/check-in", { name: "Amal", state: "<b>" });
    expect(memory.checkedIn[0]?.state).toBe("safe");
  });
});

describe("the town square", () => {
  test("is read by everybody, and written to by those who have agreed", async () => {
    const { text, fillIn, agrees } = await messagePortal();
    expect(wordsOn(await text("/square"))).toContain(EN["square.empty"]);
    expect(await text("/write")).toContain('action="/agree"');
    agrees(OTHER);
    const answer = await fillIn("/write", { text: "Water at the school", name: "Amal" }, { from: OTHER });
    expect(location(answer)).toBe("/square?lang=en&room=square&code=0000-0000-0001");
    expect(wordsOn(await text("/square"))).toContain("Amal · now Water at the school Reply Report");
  });

  test("shows a writer the code by which the post is taken back, and nobody else", async () => {
    const { text, fillIn, agrees } = await messagePortal();
    agrees();
    const answer = await fillIn("/write", { text: "Water" });
    expect(await text(location(answer))).toContain('href="/mine?lang=en&amp;code=0000-0000-0001"');
    expect(await text("/square")).not.toContain("0000-0000-0001");
  });

  test("shows an answer with what it answers, and where that is", async () => {
    const { text, fillIn, agrees } = await messagePortal();
    agrees();
    await fillIn("/write", { text: "Who has milk?", name: "Amal" });
    const form = await text(`/write?reply=${idOf(1)}`);
    expect(wordsOn(form)).toContain("Reply to Amal");
    expect(wordsOn(form)).toContain("Who has milk?");
    await fillIn(`/write?reply=${idOf(1)}`, { text: "I have" });
    expect(await text("/square")).toContain(`<a href="#p${idOf(1)}">in reply to Amal</a>`);
  });

  test("keeps the trace of what was taken away, with who did it and why", async () => {
    const { text, fillIn, agrees, memory, desk } = await messagePortal();
    agrees();
    await fillIn("/write", { text: "bad words", name: "Amal" });
    await fillIn("/write", { text: "other words", name: "Badr" });
    Object.assign(memory.posted[1] ?? {}, { text: "", removed: { by: "operator", reason: "threats" } });
    await desk.tell({ kind: "public" });
    await fillIn("/mine?code=0000-0000-0002", {});
    const words = wordsOn(await text("/square"));
    expect(words).toContain(`${EN["square.removed"]} Reason: threats`);
    expect(words).toContain(EN["square.takenBack"]);
    expect(words).not.toMatch(/bad words|other words/);
    expect(await text("/square")).not.toContain("/report?");
  });

  test("has rooms beside it where there are any, and knows no others", async () => {
    const { text, fillIn, ask, agrees, memory } = await messagePortal();
    agrees();
    expect(await text("/square")).not.toContain(EN["square.rooms"]);
    memory.openRooms.add("Küche 1");
    memory.changed();
    await settle();
    expect(await text("/square")).toContain('href="/square?lang=en&amp;room=K%C3%BCche+1"');
    await fillIn("/write?room=K%C3%BCche+1", { text: "Soup at noon" });
    expect(wordsOn(await text("/square?room=K%C3%BCche+1"))).toContain("Soup at noon");
    expect(wordsOn(await text("/square"))).not.toContain("Soup at noon");
    const refused = await (await fillIn("/write?room=nowhere", { text: "Soup" })).text();
    expect(refused).toContain(EN["error.form"]);
    expect(formOn(refused).values).toMatchObject({ text: "Soup" });
    expect((await ask(`/square?room=${"x".repeat(500)}`)).status).toBe(200);
  });

  test("is read page by page, without a gap and nothing twice, however long the posts are", async () => {
    const { text, memory, time } = await messagePortal();
    const sizes = [1_000, 10, 400, 1_000, 900, 5, 700];
    const all: string[] = [];
    for (let count = 0; count < 60; count += 1) {
      const said = `post-${count} ${"घ".repeat(sizes[count % sizes.length] ?? 1)}`.slice(0, 1_000);
      await memory.post({ station: "02:00:00:00:00:99" }, "square", { name: "", text: said });
      all.unshift(`post-${count}`);
    }
    await settle();
    const seen: string[] = [];
    let path: string | undefined = "/square";
    for (let pages = 0; path !== undefined && pages < 60; pages += 1) {
      const html: string = await text(path);
      time.nowMs += 1_000;
      expect(Buffer.byteLength(html)).toBeLessThan(14_336 - 600);
      seen.push(...[...html.matchAll(/post-\d+/g)].map(([name]) => name));
      path = /<a href="([^"]*)" rel="next"/.exec(html)?.[1]?.replaceAll("&amp;", "&");
    }
    expect(seen).toEqual(all);
  });
});

test("an answer or a report by somebody who has not agreed begins again where the post is", async () => {
  const { fillIn, agrees, desk, directory } = await messagePortal();
  agrees();
  await fillIn("/write", { text: "Water" });
  for (const path of [`/write?reply=${idOf(1)}`, "/write?room=kitchen", `/report?id=${idOf(1)}`]) {
    desk.guests.clear();
    directory.forget(ADDRESS);
    expect(location(await fillIn(path, {}))).toBe("/square?lang=en");
  }
});

describe("a report", () => {
  test("reaches those who run the box, and leaves the post", async () => {
    const { text, fillIn, agrees, memory } = await messagePortal();
    agrees();
    await fillIn("/write", { text: "rude", name: "Amal" });
    const done = await (await fillIn(`/report?id=${idOf(1)}`, { reason: "it is rude" })).text();
    expect(wordsOn(done)).toContain(EN["report.done"]);
    expect(memory.reports).toEqual([{ id: idOf(1), reason: "it is rude", station: stationAt(ADDRESS) }]);
    expect(wordsOn(await text("/square"))).toContain("rude");
  });

  test("of what is no longer there, or never was, says so", async () => {
    const { ask, fillIn, agrees } = await messagePortal();
    agrees();
    expect(await (await fillIn(`/report?id=${idOf(7)}`, {})).text()).toContain(EN["report.gone"]);
    expect(location(await ask("/report?id=../../etc"))).toBe("/square?lang=en");
  });
});

describe("looking for people", () => {
  test("finds them by part of a name, and says so when it finds nobody", async () => {
    const { text, fillIn, agrees } = await messagePortal();
    agrees();
    expect(wordsOn(await text("/people"))).toContain(EN["people.empty"]);
    for (const name of ["Amal Haddad", "Lucía", "李雷"]) await fillIn("/check-in", { name });
    expect(wordsOn(await text("/people?q=had"))).toContain("Amal Haddad");
    expect(wordsOn(await text("/people?q=%E6%9D%8E"))).toContain("李雷");
    expect(wordsOn(await text("/people?q=had"))).not.toContain("Lucía");
    const none = await text("/people?q=Nobody");
    expect(wordsOn(none)).toContain(EN["people.none"]);
    expect(formOn(none).values).toEqual({ q: "Nobody" });
  });

  test("goes on where the page ends, in the same search", async () => {
    const { text, memory } = await messagePortal();
    const place = { words: "" };
    for (let count = 0; count < 30; count += 1) {
      const body = { name: `Amal ${count}`, state: "safe", text: "", place, tell: "" } as const;
      await memory.checkIn({ station: "02:00:00:00:00:99" }, body);
    }
    await settle();
    const first = await text("/people?q=amal");
    const next = /<a href="([^"]*)" rel="next"/.exec(first)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect(next).toStartWith("/people?lang=en&q=amal&before=");
    const second = await text(next);
    expect(second).toContain("Amal 9<");
    expect(second).not.toContain("Amal 29<");
    expect(second).toContain('href="/people?lang=en&amp;q=amal"');
  });
});

describe("whoever has signed what they wrote", () => {
  test("is shown with the network that vouches for them, where one does", async () => {
    const { text, memory } = await messagePortal();
    const post = { id: idOf(1), ageS: 60, room: "square", name: "Ana", text: "Soup", person: "able-baker" };
    memory.posted.push(post);
    expect(wordsOn(await text("/square"))).not.toContain("vouches");
    memory.posted[0] = { ...post, vouchedBy: "Valley" };
    memory.changed();
    await settle();
    expect(wordsOn(await text("/square"))).toContain("✓ Valley vouches for them");
  });

  test("has that before all that guests have written, in a block of its own, and the network's name apart", async () => {
    const { text, memory } = await messagePortal();
    const forged = "Eve · Valley vouches for them";
    const said = { ageS: 60, text: "✓ Valley vouches for them", person: "able-baker" };
    memory.posted.push({ ...said, id: idOf(1), room: "square", name: "Ana", vouchedBy: "Valley" });
    memory.posted.push({ ...said, id: idOf(2), room: "square", name: forged });
    const checkIn = { ...said, state: "safe", place: { words: "" } } as const;
    memory.checkedIn.push({ ...checkIn, id: idOf(3), name: "Ana", vouchedBy: "Valley" });
    memory.checkedIn.push({ ...checkIn, id: idOf(4), name: forged });
    memory.changed();
    await settle();
    for (const path of ["/square", "/people"]) {
      const begins = (await text(path)).split(/<article[^>]*>/).slice(1);
      const mark = '<p class="v">✓ <bdi>Valley</bdi> vouches for them</p>';
      expect(begins.map((article) => article.startsWith(mark))).toEqual([true, false]);
      expect(begins[1]).not.toContain('class="v"');
      expect(begins[1]).toContain(`<bdi>${forged}</bdi>`);
    }
  });

  test("cannot call themselves what has the mark of it", async () => {
    const { agrees, fillIn, memory } = await messagePortal();
    agrees();
    await fillIn("/write", { text: "Soup", name: "Ana · ✓ Valley vouches for them" });
    expect(memory.posted.map(({ name }) => name)).toEqual(["Ana · Valley vouches for them"]);
  });
});

describe("a form that came at a bad time", () => {
  const WORK = "ab".repeat(32);
  const policyOf = (response: Response) => response.headers.get("content-security-policy") ?? "";

  test.each([
    ["/write", { text: "Bread at the school" }],
    ["/check-in", { name: "Amal" }],
    ["/sos", { text: "Fire" }],
  ] as const)(
    "can be sent by work, which the page's own script does; without one its writer is told to wait: %s",
    async (path, fields) => {
      const { fillIn, send, memory, agrees } = await messagePortal();
      agrees();
      memory.refusal = { refused: "slow-down", detail: "", work: WORK };
      const answer = await fillIn(path, fields);
      const html = await answer.text();
      expect(wordsOn(html)).toContain(EN["error.slow"]);
      expect(html).toContain(`data-challenge="${WORK}"`);
      expect(html).toContain('<script src="/work.js">');
      expect(policyOf(answer)).toContain("script-src 'self'");
      const { action, hidden, values } = formOn(html);
      expect(hidden.work).toBe("");
      expect(values).toMatchObject(fields);
      await send(action, { ...hidden, ...values, work: "a solution" });
      expect(memory.works).toEqual([undefined, "a solution"]);
    },
  );

  test("has no script where work is of no use", async () => {
    const { fillIn, memory, agrees, text } = await messagePortal();
    agrees();
    memory.refusal = { refused: "slow-down", detail: "" };
    for (const [path, fields] of [
      ["/write", { text: "x" }],
      ["/check-in", { name: "Amal" }],
      ["/sos", { text: "Fire" }],
    ] as const) {
      const answer = await fillIn(path, fields);
      expect(policyOf(answer)).not.toContain("script-src");
      expect(forged(await answer.text())).toEqual([]);
      expect(forged(await text(path))).toEqual([]);
    }
  });

  test("gets a script that old browsers understand", async () => {
    const { ask } = await messagePortal();
    const answer = await ask("/work.js");
    expect(answer.headers.get("content-type")).toStartWith("text/javascript");
    const source = await answer.text();
    expect(source.length).toBeLessThan(4_096);
    expect(source).not.toMatch(/=>|`|\b(let|const|class|async|of)\b|\.\.\./);
    expect(() => new Function(source)).not.toThrow();
  });
});

describe("what was sent", () => {
  test("is asked for by a code in any digits", async () => {
    const { text, fillIn } = await messagePortal();
    await fillIn("/sos", { text: "Fire" });
    const typed = encodeURIComponent("۰۰۰۰ ۰۰۰۰ ۰۰۰۱");
    expect(wordsOn(await text(`/mine?code=${typed}`))).toContain(EN["mine.waiting"]);
  });

  test.each([
    ["12", "error.code"],
    ["<script>", "error.code"],
    ["1234-5678-9012", "error.unknown"],
  ] as const)("is not found by %s, and the code stays in the field", async (typed, key) => {
    const { text } = await messagePortal();
    const html = await text(`/mine?code=${encodeURIComponent(typed)}`);
    expect(wordsOn(html)).toContain(EN[key]);
    expect(formOn(html).values).toEqual({ code: typed });
    expect(forged(html)).toEqual([]);
  });

  test("says that it was removed, by whom and why, and no longer offers to take it back", async () => {
    const { text, fillIn, memory, agrees } = await messagePortal();
    agrees();
    const { code } = Object.fromEntries(
      new URL(location(await fillIn("/write", { text: "Free money" })), "http://x").searchParams,
    );
    memory.moveOn(code ?? "", { state: "removed", removedBy: "operator", note: "a fraud" });
    const html = await text(`/mine?code=${code}`);
    for (const words of [EN["square.removed"], "Reason: a fraud"]) expect(wordsOn(html)).toContain(words);
    expect(formOn(html).action).toBe("");
    expect(html).not.toContain("http-equiv");
    memory.moveOn(code ?? "", { removedBy: "sender", note: "" });
    expect(wordsOn(await text(`/mine?code=${code}`))).toContain(EN["square.takenBack"]);
  });

  test("is not taken back by a page of another site", async () => {
    const { send, fillIn, text } = await messagePortal();
    await fillIn("/sos", { text: "Fire" });
    const answer = await send("/mine", { code: "0000-0000-0001", lang: "en" });
    expect(location(answer)).toBe("/mine?lang=en&code=0000-0000-0001");
    expect(wordsOn(await text("/mine?code=0000-0000-0001"))).toContain(EN["mine.waiting"]);
  });
});

describe("operators' notices", () => {
  const notice = (level: "danger" | "information", text: string, trusted = true) => ({
    id: idOf(1),
    ageS: 0,
    level,
    text,
    trusted,
  });

  test("stand on the first pages, the most urgent first, with who they are from", async () => {
    const { text, memory, desk, agrees } = await messagePortal();
    memory.shownNotices.push(
      notice("information", "Soup at noon", false),
      notice("danger", "The dam breaks"),
    );
    await desk.tell({ kind: "public" });
    await settle();
    const welcome = wordsOn(await text("/"));
    expect(welcome).toContain(`Danger The dam breaks now · ${EN["notice.trusted"]}`);
    expect(welcome).toContain(`Information Soup at noon now · ${EN["notice.untrusted"]}`);
    expect(welcome.indexOf("Danger")).toBeLessThan(welcome.indexOf("Information"));
    agrees();
    expect(wordsOn(await text("/on"))).toContain("The dam breaks");
    expect(wordsOn(await text("/notices"))).toContain("Soup at noon");
  });

  test("that nobody vouches for stand behind those that somebody does", async () => {
    const { text, memory, desk } = await messagePortal();
    memory.shownNotices.push(notice("danger", "Flee!", false), notice("information", "Soup at noon"));
    await desk.tell({ kind: "public" });
    await settle();
    const welcome = wordsOn(await text("/"));
    expect(welcome.indexOf("Soup at noon")).toBeLessThan(welcome.indexOf("Flee!"));
  });

  test("grow older on a page that is kept", async () => {
    const { text, memory, desk, time } = await messagePortal();
    memory.shownNotices.push(notice("danger", "The dam breaks"));
    await desk.tell({ kind: "public" });
    await settle();
    expect(wordsOn(await text("/"))).toContain("The dam breaks now");
    time.nowMs += 180_000;
    expect(wordsOn(await text("/"))).toContain("The dam breaks 3 minutes ago");
  });

  test("that are long are cut short on the first pages, and whole on their own", async () => {
    const { text, memory, desk } = await messagePortal();
    const long = "Bring water. ".repeat(70).trim();
    memory.shownNotices.push(notice("danger", long));
    await desk.tell({ kind: "public" });
    await settle();
    expect(wordsOn(await text("/"))).toContain("Bring water. …");
    expect(wordsOn(await text("/notices"))).toContain(long);
  });
});

describe("a crowd that reads", () => {
  test("costs the daemon one question until something changes", async () => {
    const { ask, memory, desk } = await messagePortal();
    await memory.post({ station: "02:00:00:00:00:99" }, "square", { name: "", text: "Water" });
    await settle();
    memory.reads.length = 0;
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => ask("/square", { from: `10.20.0.${index + 1}` })),
    );
    expect(memory.reads.sort()).toEqual(["posts square", "rooms"]);
    await desk.tell({ kind: "public" });
    await ask("/square");
    expect(memory.reads.filter((read) => read === "posts square")).toHaveLength(2);
  });

  test("reads what was there before while the daemon is away", async () => {
    const { text, memory, away, desk } = await messagePortal();
    await memory.post({ station: "02:00:00:00:00:99" }, "square", { name: "", text: "Water" });
    await settle();
    expect(wordsOn(await text("/square"))).toContain("Water");
    away.is = true;
    await desk.tell({ kind: "public" });
    expect(wordsOn(await text("/square"))).toContain("Water");
    const never = await text("/people");
    expect(never).toContain(EN["problem.starting"]);
    expect(never).toContain("http-equiv");
  });

  test("is told the age of what was written, not of the page", async () => {
    const { text, memory, time } = await messagePortal();
    await memory.post({ station: "02:00:00:00:00:99" }, "square", { name: "", text: "Water" });
    await settle();
    expect(wordsOn(await text("/square"))).toContain("now");
    time.nowMs += 300_000;
    expect(wordsOn(await text("/square"))).toContain("5 minutes ago");
  });
});

describe("somebody who asks without end", () => {
  test("is told to wait, and others are not", async () => {
    const { ask, text, time, memory } = await messagePortal();
    const search = (count: number, from = ADDRESS) => ask(`/people?q=x${count}`, { from });
    for (let count = 0; count < 20; count += 1) expect((await search(count)).status).toBe(200);
    const refused = await search(20);
    expect(refused.status).toBe(429);
    const html = await refused.text();
    expect(html).toContain(EN["error.slow"]);
    expect(html).toContain('http-equiv="refresh" content="60;url=/people?lang=en"');
    expect(memory.reads.filter((read) => read.startsWith("check-ins"))).toHaveLength(20);
    for (const path of ["/square?before=x", "/square?room=kitchen"])
      expect((await ask(path)).status).toBe(429);
    expect((await search(21, OTHER)).status).toBe(200);
    expect(await text("/people")).toContain(EN["people.empty"]);
    expect((await ask("/square")).status).toBe(200);
    time.nowMs += 2_000;
    expect((await search(22)).status).toBe(200);
  });
});

describe("a device with many addresses", () => {
  test("asks no more than one with one, and takes nothing from others", async () => {
    const { ask, desk } = await messagePortal();
    const search = async (from: string) => (await ask("/people?q=x", { from })).status;
    const addresses = Array.from({ length: 200 }, (_, n) => `fd00::${n.toString(16)}`);
    for (const address of addresses) desk.guests.set(address, { ...RELEASED, station: "02:00:00:00:00:01" });
    desk.guests.set("fd00::beef", { ...RELEASED, station: "02:00:00:00:00:02" });
    const statuses: number[] = [];
    for (const address of addresses) statuses.push(await search(address));
    expect(statuses.filter((status) => status === 200)).toHaveLength(20);
    expect(await search("fd00::beef")).toBe(200);
    expect(await search(OTHER)).toBe(200);
  });
});

describe("a box without messages", () => {
  test("offers none, and knows none of their pages", async () => {
    const { ask, text, send, memory } = await messagePortal({ messages: false });
    expect(await text("/")).not.toMatch(/\/(sos|check-in|square|people)/);
    for (const path of [
      "/sos",
      "/check-in",
      "/square",
      "/write",
      "/report",
      "/people",
      "/notices",
      "/mine",
    ]) {
      const answer = await ask(path);
      expect([path, answer.status, location(answer)]).toEqual([path, 303, "/"]);
    }
    await send("/sos", { text: "Fire" });
    expect(memory.calls).toEqual([]);
  });
});

describe("whatever somebody writes", () => {
  test("becomes text on every page that shows it, never markup", async () => {
    const { text, fillIn, agrees, memory } = await messagePortal();
    agrees();
    memory.openRooms.add(ATTACK.slice(0, 30));
    const pages = [await (await fillIn("/sos", { text: "", place: ATTACK, people: ATTACK })).text()];
    const sos = await fillIn("/sos", { text: ATTACK, name: ATTACK.slice(0, 60) });
    memory.moveOn(codeOf(sos), { state: "acknowledged", note: ATTACK, by: ATTACK });
    await fillIn("/check-in", { name: ATTACK.slice(0, 60), text: ATTACK, place: ATTACK });
    await fillIn("/write", { text: ATTACK, name: ATTACK.slice(0, 60) });
    const post = memory.posted[0];
    if (!post) throw new Error("nothing was posted");
    post.box = ATTACK;
    post.person = ATTACK;
    memory.posted.push({ ...post, id: idOf(99), removed: { by: "operator", reason: ATTACK }, text: "" });
    memory.shownNotices.push({
      id: idOf(98),
      ageS: 0,
      level: "danger",
      text: ATTACK,
      trusted: true,
      box: ATTACK,
    });
    memory.changed();
    await settle();
    for (const path of [
      "/",
      "/square",
      "/people",
      "/notices",
      location(sos),
      `/people?q=${encodeURIComponent(ATTACK)}`,
      `/square?room=${encodeURIComponent(ATTACK.slice(0, 30))}`,
      `/write?reply=${post.id}&room=${encodeURIComponent(ATTACK.slice(0, 30))}`,
      `/report?id=${post.id}&room=${encodeURIComponent(ATTACK.slice(0, 30))}`,
      `/mine?code=${encodeURIComponent(ATTACK)}`,
      `/square?code=${encodeURIComponent(ATTACK)}`,
      `/square?before=${encodeURIComponent(ATTACK)}`,
    ]) {
      pages.push(await text(path));
    }
    for (const html of pages) expect(forged(html)).toEqual([]);
    expect(pages.filter((html) => wordsOn(html).includes("<script>")).length).toBeGreaterThan(6);
  });

  test("is taken or comes back whole, makes no error of ours, and leaves its page", async () => {
    const { ask, text, agrees, memory } = await messagePortal();
    agrees();
    const token = formOn(await text("/write")).hidden.token?.slice(0, 22);
    let forms = 0;
    const bytes = fc.oneof(
      fc.string({ unit: "binary", maxLength: 1_500 }).map((said) => encodeURIComponent(said.toWellFormed())),
      fc.uint8Array({ maxLength: 300 }).map(
        (raw) =>
          `%${Buffer.from(raw)
            .toString("hex")
            .replace(/(..)(?=.)/g, "$1%")}`,
      ),
      fc.constantFrom(
        "%",
        "%zz",
        "%ff%fe",
        "%00%01%02",
        "%e2%80%ae%e2%81%a6",
        "a%0d%0ab%0b%0c",
        "%f0%9f%98",
        "&=&&text=x",
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        bytes,
        fc.constantFrom("/write", "/sos", "/check-in", "/report", "/mine"),
        async (said, path) => {
          forms += 1;
          const answer = await ask(path, {
            method: "POST",
            headers: { "content-type": "application/x-www-form-urlencoded" },
            body: `token=${token}f${forms}&text=${said}&name=${said}&place=${said}&at=${said}&tell=${said}&people=${said}&code=${said}&reason=${said}&id=${idOf(1)}`,
          });
          expect([200, 303, 413]).toContain(answer.status);
          if (answer.status === 200) expect(forged(await answer.text())).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
    for (const { text } of memory.posted)
      expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u);
    expect(memory.posted.length).toBeGreaterThan(5);
    expect((await ask("/square")).status).toBe(200);
  }, 30_000);

  test("is counted in signs, and what is too long is said to be, with the words still there", async () => {
    const { fillIn, agrees, memory } = await messagePortal();
    agrees();
    expect((await fillIn("/write", { text: "🙂".repeat(1_000) })).status).toBe(303);
    const html = await (await fillIn("/write", { text: "x".repeat(1_001) })).text();
    expect(wordsOn(html)).toContain("This is too long: at most 1,000 characters.");
    expect(formOn(html).values.text).toBe("x".repeat(1_001));
    expect(memory.posted).toHaveLength(1);
  });

  test("that is far more than a form holds is refused without being read", async () => {
    const { text, send } = await messagePortal();
    const { hidden } = formOn(await text("/sos"));
    expect((await send("/sos", { ...hidden, text: "x".repeat(20_000) })).status).toBe(413);
  });
});

test("every language walks from the first page to a call for help, a check-in and a post", async () => {
  for (const { code, texts } of LANGUAGES) {
    const { text, fillIn, agrees, memory } = await messagePortal();
    const sos = await fillIn(`/sos?lang=${code}`, { text: "!" });
    expect(location(sos)).toStartWith(`/mine?lang=${code}&`);
    const page = await text(location(sos));
    expect(page).toContain(`<html lang="${code}"`);
    expect(wordsOn(page)).toContain(texts["mine.waiting"]);
    agrees();
    expect((await fillIn(`/check-in?lang=${code}`, { name: "A" })).status).toBe(303);
    const post = await fillIn(`/write?lang=${code}`, { text: "!" });
    expect(wordsOn(await text(location(post)))).toContain(texts["square.nameless"]);
    expect([memory.calls, memory.checkedIn, memory.posted].map((list) => list.length)).toEqual([1, 1, 1]);
  }
});
