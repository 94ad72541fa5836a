import { describe, expect, test } from "bun:test";
import { checkInPage } from "../../../portal/guest/messages/check-in-page.tsx";
import type { Draft } from "../../../portal/guest/messages/draft.ts";
import { codePage, deliveryPage, takenBackPage } from "../../../portal/guest/messages/mine-page.tsx";
import { noticesPage } from "../../../portal/guest/messages/notices-page.tsx";
import { checkInItem, peoplePage } from "../../../portal/guest/messages/people-page.tsx";
import { postItem } from "../../../portal/guest/messages/post-item.tsx";
import { reportedPage, reportPage } from "../../../portal/guest/messages/report-page.tsx";
import { sosPage } from "../../../portal/guest/messages/sos-page.tsx";
import { squarePage } from "../../../portal/guest/messages/square-page.tsx";
import { writePage } from "../../../portal/guest/messages/write-page.tsx";
import {
  leavePage,
  leftPage,
  onPage,
  type PageContext,
  problemPage,
  refreshPage,
  risksPage,
  welcomePage,
} from "../../../portal/guest/pages.tsx";
import { ENGLISH, LANGUAGES, type Language, languageOf } from "../../../portal/locales/index.ts";
import type { Delivery, ShownNotice, ShownPost } from "../../../src/messages/index.ts";
import type { PortalFacts } from "../../../src/portal/index.ts";
import { FACTS, TALKATIVE } from "./facts.ts";
import { idOf } from "./memory-messages.ts";

const QR = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0"/></svg>';

/** What people have written, in places where they can. */
function messagePages(context: PageContext): Record<string, string> {
  const { name, operator } = context.facts;
  const notice: ShownNotice = {
    id: idOf(1),
    ageS: 90,
    level: "warning",
    text: operator,
    trusted: true,
    box: name,
  };
  const withNotices = { ...context, notices: [notice, { ...notice, trusted: false }] };
  const post: ShownPost = { id: idOf(2), ageS: 90, room: "square", name, text: operator, person: name };
  const gone: ShownPost = { ...post, id: idOf(3), removed: { by: "operator", reason: operator } };
  const items = [
    postItem({ context, post, answered: post }),
    postItem({ context, post: { ...post, id: idOf(6), name: "" } }),
    postItem({ context, post: gone }),
  ];
  const at = { latitudeE6: 35_689_200, longitudeE6: 51_389_000 };
  const person = { id: idOf(4), ageS: 90, box: name, name, state: "hurt", text: operator } as const;
  const people = [checkInItem(context, { ...person, place: { words: operator, at } })];
  const draft = (field: string): Draft => ({
    values: { text: operator, name, people: name, tell: name, code: name, reason: operator },
    faults: [{ field, label: "sos.text", key: "error.long", numbers: { count: 1_000 } }],
    problem: "error.away",
  });
  const delivery: Delivery = { id: idOf(5), kind: "sos", state: "acknowledged", note: operator, by: name };
  const code = "0000-0000-0001";
  return {
    sos: sosPage(context, "TOKEN", draft("people")),
    checkIn: checkInPage(context, "TOKEN", draft("tell")),
    square: squarePage(context, {
      room: "Kitchen 1",
      rooms: ["square", name],
      items,
      further: true,
      next: idOf(3),
      code,
    }),
    write: writePage(context, "TOKEN", {
      room: "Kitchen 1",
      reply: post.id,
      answered: post,
      draft: draft("text"),
    }),
    report: reportPage(context, "TOKEN", { id: post.id, room: "Kitchen 1" }, draft("reason")),
    reported: reportedPage(context, "square", true),
    people: peoplePage(context, { query: name, items: people, further: true, next: idOf(3) }),
    notices: noticesPage(withNotices),
    code: codePage(context, draft("code")),
    acknowledged: deliveryPage(context, "TOKEN", code, delivery),
    onLora: deliveryPage(context, "TOKEN", code, { ...delivery, state: "on-lora", etaSeconds: 300 }),
    posted: deliveryPage(context, "TOKEN", code, { ...delivery, kind: "post", state: "waiting" }),
    takenBack: takenBackPage(context),
    welcomeWithNotices: welcomePage(withNotices, "TOKEN", false, "check-in"),
    onWithNotices: onPage(withNotices, "24 hours", QR),
  };
}

/** Every page that a guest can meet. */
function everyPage(facts: PortalFacts, language: Language = ENGLISH): Record<string, string> {
  const context: PageContext = { facts, language };
  return {
    welcome: welcomePage(context, "TOKEN"),
    again: welcomePage(context, "TOKEN", true),
    risks: risksPage(context),
    on: onPage(context, "24 hours", QR),
    leave: leavePage(context, "TOKEN"),
    left: leftPage(context),
    problem: problemPage(context, "problem.full", `/?lang=${language.code}`),
    refresh: refreshPage(context, `${facts.portalUrl}/`),
    ...(facts.messages ? messagePages(context) : {}),
  };
}

/** A page of ours in a language, with what else it may be asked. */
const OWN_LINK = /^\/[a-z-]*\?([a-z]+=[^&]*&)*lang=[a-z]{2,3}(&[a-z]+=[^&]*)*$/;

/** The elements of a page, by name, with their attributes. */
function elementsOf(page: string): { name: string; attributes: Record<string, string> }[] {
  const found: { name: string; attributes: Record<string, string> }[] = [];
  new HTMLRewriter()
    .on("*", {
      element(element) {
        const attributes = [...element.attributes].map(([name, value]) => [
          name,
          value.replaceAll("&amp;", "&"),
        ]);
        found.push({ name: element.tagName, attributes: Object.fromEntries(attributes) });
      },
    })
    .transform(page);
  return found;
}

const ATTACK = `"><script>alert(1)</script><img src=x onerror=alert(2)>' onmouseover='alert(3)&lt;{name}`;
const HOSTILE: PortalFacts = {
  ...FACTS,
  messages: true,
  name: ATTACK,
  operator: ATTACK,
  contact: ATTACK,
  welcome: ATTACK,
  notices: [ATTACK, "</li></ul></section><h1>forged</h1>"],
  services: [{ name: ATTACK, description: ATTACK, url: 'http://omerta.internal:8081/"><script>' }],
  farServices: [{ name: ATTACK, box: ATTACK, url: 'http://omerta.internal:24600/"><script>' }],
};

describe("texts of the operator's", () => {
  test("become text on every page, never markup", () => {
    for (const [page, html] of Object.entries(everyPage(HOSTILE))) {
      const elements = elementsOf(html);
      const bad = elements.filter(
        ({ name, attributes }) =>
          ["script", "img", "iframe"].includes(name) ||
          Object.keys(attributes).some((key) => key.startsWith("on")),
      );
      expect([page, bad]).toEqual([page, []]);
      expect([page, elements.filter(({ name }) => name === "h1").length]).toEqual([page, 1]);
    }
  });

  test("are shown whole", () => {
    const html = everyPage(HOSTILE).welcome ?? "";
    const escaped = ATTACK.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    const shown = html.replaceAll("&quot;", '"').replaceAll("&#39;", "'");
    expect(shown.split(escaped).length - 1).toBeGreaterThanOrEqual(5);
  });

  test("make the same elements as harmless ones do", () => {
    const harmless: PortalFacts = {
      ...HOSTILE,
      name: "n",
      operator: "o",
      contact: "c",
      welcome: "w",
      notices: ["a", "b"],
      services: [{ name: "s", description: "d", url: "http://omerta.internal:8081/" }],
      farServices: [{ name: "s", box: "b", url: "http://omerta.internal:24600/" }],
    };
    const names = (facts: PortalFacts) =>
      Object.values(everyPage(facts)).map((html) => elementsOf(html).map(({ name }) => name));
    expect(names(HOSTILE)).toEqual(names(harmless));
  });

  test("keep their own direction, whatever the page's is", () => {
    const arabic = languageOf("ar") ?? ENGLISH;
    const welcome = everyPage(TALKATIVE, arabic).welcome ?? "";
    for (const text of [TALKATIVE.welcome, ...TALKATIVE.notices]) {
      const start = welcome.indexOf(text.slice(0, 20).replaceAll("'", "&#39;"));
      expect(welcome.slice(0, start)).toEndWith('dir="auto">');
    }
  });
});

describe.each(LANGUAGES.map((language) => [language.code, language] as const))(
  "the pages in %s",
  (_, language) => {
    const pages = everyPage({ ...TALKATIVE, messages: true }, language);

    test("say their language and direction", () => {
      for (const html of Object.values(pages)) {
        expect(html).toStartWith(`<!doctype html><html lang="${language.code}" dir="${language.direction}">`);
      }
    });

    test("have one heading of the first order, a title, and a viewport for telephones", () => {
      for (const [page, html] of Object.entries(pages)) {
        const names = elementsOf(html).map(({ name }) => name);
        const count = (name: string) => names.filter((one) => one === name).length;
        expect([page, count("h1"), count("title"), count("main")]).toEqual([page, 1, 1, 1]);
        expect(html).toContain('<meta name="viewport" content="width=device-width,initial-scale=1"');
        expect(html).toContain('<meta charset="utf-8"');
      }
    });

    test("need no script, no cookie, and nothing from elsewhere", () => {
      for (const [page, html] of Object.entries(pages)) {
        const loading = elementsOf(html).filter(
          ({ name, attributes }) =>
            ["script", "link", "img", "iframe", "object", "base"].includes(name) || "src" in attributes,
        );
        expect([page, loading]).toEqual([page, []]);
      }
    });

    test("name every field, and every field only once", () => {
      for (const [page, html] of Object.entries(pages)) {
        const elements = elementsOf(html);
        const ids = elements.flatMap(({ attributes }) => attributes.id ?? []);
        expect([page, ids.length]).toEqual([page, new Set(ids).size]);
        const labelled = elements.flatMap(({ name, attributes }) =>
          name === "label" ? (attributes.for ?? []) : [],
        );
        const fields = elements.filter(
          ({ name, attributes }) =>
            name === "textarea" || (name === "input" && !["hidden", "radio"].includes(attributes.type ?? "")),
        );
        for (const { attributes } of fields) {
          expect([page, attributes.name, labelled.includes(attributes.id ?? "")]).toEqual([
            page,
            attributes.name,
            true,
          ]);
          expect(Number(attributes.maxlength)).toBeGreaterThan(0);
          for (const id of (attributes["aria-describedby"] ?? "").split(" ").filter(Boolean))
            expect(ids).toContain(id);
        }
        for (const { attributes } of elements.filter(({ attributes }) => attributes.href?.startsWith("#")))
          expect([page, ids]).toEqual([page, expect.arrayContaining([attributes.href?.slice(1)])]);
      }
    });

    test("have no place left without its value", () => {
      for (const html of Object.values(pages))
        expect(html.replace(/<style>.*?<\/style>/s, "")).not.toMatch(/\{\w+\}/);
    });

    test("carry the language on in every link and form of their own", () => {
      for (const [page, html] of Object.entries(pages)) {
        const links = elementsOf(html).filter(
          ({ name, attributes }) => name === "a" && attributes.href?.startsWith("/"),
        );
        for (const { attributes } of links) {
          expect([page, attributes.href]).toEqual([page, expect.stringMatching(OWN_LINK)]);
        }
        if (html.includes("<form")) expect(html).toContain(`name="lang" value="${language.code}"`);
      }
    });

    test("offer every other language by one tap, in its own words, on the first page", () => {
      const links = elementsOf(pages.welcome ?? "").filter(
        ({ attributes }) => attributes.hreflang !== undefined,
      );
      expect([...new Set(links.map(({ attributes }) => attributes.href))]).toEqual(
        LANGUAGES.filter((other) => other !== language).map(({ code }) => `/?lang=${code}`),
      );
      for (const { attributes } of links) expect(attributes.lang).toBe(attributes.hreflang);
    });
  },
);

describe("the first page", () => {
  const welcome = (facts: Partial<PortalFacts>) =>
    welcomePage({ facts: { ...FACTS, ...facts }, language: ENGLISH }, "T");

  test("asks by one form with one button, which posts the guest's token", () => {
    const html = welcome({});
    expect(html.match(/<form method="post" action="\/agree">/g)).toHaveLength(1);
    expect(html.match(/<button/g)).toHaveLength(1);
    expect(html).toContain('name="token" value="T"');
  });

  test("says plainly whether there is internet, and what the phone will be told", () => {
    const t = ENGLISH.texts;
    const cases = [
      [{ internet: false, toldOnline: true }, t["works.internetNo"], t["online.told"]],
      [{ internet: false, toldOnline: false }, t["works.internetNo"], t["online.notTold"]],
      [{ internet: true, toldOnline: true }, t["works.internetYes"], t["online.uplink"]],
      [{ internet: true, toldOnline: false }, t["works.internetYes"], t["online.notTold"]],
    ] as const;
    for (const [facts, works, online] of cases) {
      expect(welcome(facts)).toContain(works);
      expect(welcome(facts)).toContain(online);
    }
  });

  test("names who runs the box where that is known, and nobody where not", () => {
    expect(welcome({ operator: "The committee" })).toContain("Run by: The committee");
    expect(welcome({})).not.toContain("Run by:");
    expect(welcome({})).not.toContain("Contact:");
  });

  test("says that the configuration is broken where it is", () => {
    expect(welcome({ configBroken: true })).toContain(ENGLISH.texts["problem.config"]);
    expect(welcome({})).not.toContain(ENGLISH.texts["problem.config"]);
  });

  test("asks to tap once more only when a form came too late", () => {
    const again = welcomePage({ facts: FACTS, language: ENGLISH }, "T", true);
    expect(again).toContain(ENGLISH.texts["problem.again"]);
    expect(welcome({})).not.toContain(ENGLISH.texts["problem.again"]);
  });
});

describe("the page of a guest who is connected", () => {
  const on = (facts: Partial<PortalFacts>) =>
    onPage({ facts: { ...FACTS, ...facts }, language: ENGLISH }, "24 hours", QR);

  test("has every service as a button, and says so where there is none", () => {
    const html = on({ services: TALKATIVE.services });
    const buttons = elementsOf(html).filter(({ attributes }) =>
      attributes.href?.startsWith("http://omerta.internal:"),
    );
    expect(buttons.map(({ attributes }) => attributes.class)).toEqual(["b", "b", "b", "b", "b"]);
    expect(on({})).toContain(ENGLISH.texts["on.noServices"]);
    expect(html).not.toContain(ENGLISH.texts["on.noServices"]);
  });

  test("has other boxes' services behind its own, with the name of their box", () => {
    const farServices = [{ name: "Map", box: "Harbour", url: "http://omerta.internal:24617/map/" }];
    const html = on({ services: TALKATIVE.services, farServices });
    const buttons = elementsOf(html).filter(({ attributes }) =>
      attributes.href?.startsWith("http://omerta.internal:"),
    );
    expect(buttons.at(-1)?.attributes.href).toBe("http://omerta.internal:24617/map/");
    expect(buttons).toHaveLength(TALKATIVE.services.length + 1);
    expect(html).toContain("Map<small>at Harbour</small>");
    expect(on({ farServices })).not.toContain(ENGLISH.texts["on.noServices"]);
  });

  test("has the address as text to copy and as a picture with words", () => {
    expect(on({})).toMatch(/<bdi [^>]*dir="ltr"[^>]*>(http:\/\/)?omerta\.internal<\/bdi>/);
    expect(on({})).toMatch(/role="img" aria-label="QR code with the address (http:\/\/)?omerta\.internal"/);
  });

  test("says how long it lasts and how to leave", () => {
    expect(on({})).toContain("24 hours");
    expect(on({})).toContain('href="/leave?lang=en"');
  });
});

test("the long version of the risks says whether guests can reach each other", () => {
  const risks = (guestToGuest: boolean) =>
    risksPage({ facts: { ...FACTS, guestToGuest }, language: ENGLISH });
  expect(risks(true)).toContain(ENGLISH.texts["long.guests.together"]);
  expect(risks(false)).toContain(ENGLISH.texts["long.guests.apart"]);
});

test("a page that leads on by itself does so with and without the browser's help", () => {
  const html = refreshPage({ facts: FACTS, language: ENGLISH }, "http://omerta.internal/");
  expect(html).toContain('http-equiv="refresh" content="0;url=http://omerta.internal/"');
  expect(html).toContain('href="http://omerta.internal/"');
});
