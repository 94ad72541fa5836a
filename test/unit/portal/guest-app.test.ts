import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { guestStyle } from "../../../portal/guest/style.ts";
import { durationText } from "../../../portal/guest/words.ts";
import { ENGLISH, LANGUAGES, languageOf } from "../../../portal/locales/index.ts";
import { PROBE_FAMILIES } from "../../../src/gateway/index.ts";
import { DeskError } from "../../../src/portal/desk-client.ts";
import { guestApp, type Peer } from "../../../src/portal/guest-app.ts";
import type { PortalFacts } from "../../../src/portal/index.ts";
import { FACTS } from "./facts.ts";
import { directoryOf, FakeDesk, followingDirectory, RELEASED, settle } from "./fake-desk.ts";

const ADDRESS = "10.20.0.16";
const OTHER = "10.20.0.17";
const PORTAL = "http://omerta.internal";

interface Ask {
  method?: string;
  host?: string;
  headers?: Record<string, string>;
  body?: RequestInit["body"];
  from?: string;
  secure?: boolean;
}

async function portal(facts: Partial<PortalFacts> = {}) {
  const desk = new FakeDesk();
  const directory = await followingDirectory(desk, { ...FACTS, ...facts });
  const app = guestApp(directory, desk);
  const ask = async (
    path: string,
    { method = "GET", host = "omerta.internal", headers, body, from, secure }: Ask = {},
  ) => {
    const request = new Request(`http://portal${path}`, {
      method,
      headers: { host, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const peer: Peer = { address: from ?? ADDRESS, secure: secure ?? false };
    return app.fetch(request, peer);
  };
  /** The token on the page that a guest is given. */
  const tokenOf = async (from = ADDRESS) => {
    const html = await (await ask("/", { from })).text();
    return /name="token" value="([^"]*)"/.exec(html)?.[1] ?? "";
  };
  /** Sends a form as a browser does. */
  const post = (path: string, fields: Record<string, string>, more: Ask = {}) =>
    ask(path, {
      method: "POST",
      body: new URLSearchParams(fields).toString(),
      ...more,
      headers: { "content-type": "application/x-www-form-urlencoded", ...more.headers },
    });
  return { desk, directory, ask, post, tokenOf };
}

const agreed = (desk: FakeDesk) => desk.calls.filter((call) => call.startsWith("agree"));
const location = (response: Response) => response.headers.get("location");

describe("The box's own question whether its portal is well", () => {
  test("is answered with a page while the daemon is heard, though the box is no guest", async () => {
    const { desk, ask } = await portal();
    desk.fault = new DeskError("unknown-station");
    const answer = await ask("/well", { from: "10.20.0.1" });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("</html>");
    expect(desk.calls).toEqual([]);
  });

  test("is answered with an error while the daemon is not heard", async () => {
    const { desk, ask } = await portal();
    await desk.hangUp();
    expect((await ask("/well")).status).toBe(503);
  });
});

describe.each(PROBE_FAMILIES.map((family) => [family.name, family] as const))(
  "a probe of %s",
  (_, family) => {
    const probes = family.probes.flatMap(({ hosts, paths, online }) =>
      hosts.flatMap((host) => paths.map((path) => ({ host, path, online }))),
    );

    test("leads to the portal before its owner has agreed", async () => {
      const { ask } = await portal();
      for (const { host, path } of probes) {
        const answer = await ask(path, { host });
        if (family.caught === "redirect") {
          expect([host, path, answer.status, location(answer)]).toEqual([host, path, 302, `${PORTAL}/`]);
        } else {
          expect([host, path, answer.status]).toEqual([host, path, 200]);
          // Android takes an answer of up to 4 bytes for no answer.
          expect(await answer.text()).toContain(`content="0;url=${PORTAL}/"`);
        }
        expect(answer.headers.get("cache-control")).toBe("no-store");
      }
    });

    test("gets the family's own success once its owner has agreed", async () => {
      const { ask, desk } = await portal();
      desk.guests.set(ADDRESS, RELEASED);
      for (const { host, path, online } of probes) {
        const answer = await ask(path, { host });
        expect([host, path, answer.status, await answer.text()]).toEqual([
          host,
          path,
          online.status,
          online.body,
        ]);
        if (online.type) expect(answer.headers.get("content-type")).toStartWith(online.type);
        for (const [name, value] of Object.entries(online.headers ?? {}))
          expect(answer.headers.get(name)).toBe(value);
        expect(answer.headers.get("cache-control")).toBe("no-store");
      }
    });

    test("of a phone that has come back is answered as the family needs it", async () => {
      const { ask, desk } = await portal();
      desk.guests.set(ADDRESS, { ...RELEASED, armed: true });
      for (const { host, path, online } of probes) {
        const { status } = await ask(path, { host });
        expect([host, path, status]).toEqual([
          host,
          path,
          family.rearms ? (family.caught === "redirect" ? 302 : 200) : online.status,
        ]);
      }
    });

    test("says that there is no internet where the operator wants that said", async () => {
      const { ask, desk } = await portal({ toldOnline: false });
      desk.guests.set(ADDRESS, RELEASED);
      for (const { host, path } of probes) {
        const { status } = await ask(path, { host });
        expect([host, path, status]).toEqual([host, path, family.offline === "fail" ? 503 : 302]);
      }
    });
  },
);

describe("a probe", () => {
  test("meets the portal, and no error, while the daemon is away", async () => {
    const { ask, desk } = await portal();
    desk.fault = new DeskError("unreachable");
    for (const [host, path] of [
      ["captive.apple.com", "/hotspot-detect.html"],
      ["connectivitycheck.gstatic.com", "/generate_204"],
    ] as const) {
      expect(location(await ask(path, { host }))).toBe(`${PORTAL}/`);
    }
  });

  test("with a query, a port and capital letters is the same probe", async () => {
    const { ask } = await portal();
    const answer = await ask("/generate_204?x=1", { host: "ConnectivityCheck.GStatic.com:80" });
    expect(answer.status).toBe(302);
  });

  test("does not count as the page having been shown", async () => {
    const { ask, desk } = await portal();
    await ask("/generate_204", { host: "connectivitycheck.gstatic.com" });
    expect(desk.calls).toEqual([`view ${ADDRESS}`]);
  });

  test("after the page was shown to a phone that came back is told that it is online", async () => {
    const { ask, desk, directory } = await portal();
    desk.guests.set(ADDRESS, { ...RELEASED, armed: true });
    expect((await ask("/generate_204", { host: "connectivitycheck.gstatic.com" })).status).toBe(302);
    await ask("/");
    desk.guests.set(ADDRESS, RELEASED);
    directory.forget(ADDRESS);
    expect((await ask("/generate_204", { host: "connectivitycheck.gstatic.com" })).status).toBe(204);
  });
});

describe("the first page", () => {
  test("is given to a newcomer, and that is reported once", async () => {
    const { ask, desk } = await portal();
    for (let time = 0; time < 3; time += 1) {
      const answer = await ask("/");
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('action="/agree"');
    }
    expect(desk.calls.filter((call) => call.startsWith("shown"))).toEqual([`shown ${ADDRESS}`]);
  });

  test("is the page of services for a guest who is let through", async () => {
    const { ask, desk } = await portal();
    desk.guests.set(ADDRESS, RELEASED);
    const html = await (await ask("/")).text();
    expect(html).toContain(ENGLISH.texts["on.title"]);
    expect(html).toContain(durationText(ENGLISH, RELEASED.secondsLeft));
  });

  test("is in the language that the browser prefers, and in the one that was tapped on", async () => {
    const { ask } = await portal();
    const language = async (path: string, header: string) =>
      /<html lang="(\w+)"/.exec(
        await (await ask(path, { headers: { "accept-language": header } })).text(),
      )?.[1];
    expect(await language("/", "ur-PK,en;q=0.5")).toBe("ur");
    expect(await language("/?lang=sw", "ur-PK,en;q=0.5")).toBe("sw");
    expect(await language("/?x=1&lang=sw", "ur")).toBe("sw");
    expect(await language("/?lang=xx", "ur")).toBe("ur");
    expect(await language("/?lang=", "ur")).toBe("ur");
  });

  test("is another one once the state of the box has changed", async () => {
    const { ask, desk } = await portal();
    expect(await (await ask("/")).text()).toContain(ENGLISH.texts["works.internetNo"]);
    await desk.tell({ kind: "facts", facts: { ...FACTS, internet: true } });
    expect(await (await ask("/")).text()).toContain(ENGLISH.texts["works.internetYes"]);
  });

  test.each([
    ["unreachable", "problem.starting"],
    ["unknown-station", "problem.unknown"],
    ["full", "problem.full"],
  ] as const)("says in words that the daemon is %s, and tries again by itself", async (reason, key) => {
    const { ask, desk } = await portal();
    desk.fault = new DeskError(reason);
    const answer = await ask("/?lang=en");
    const html = await answer.text();
    expect(answer.status).toBe(503);
    expect(html).toContain(ENGLISH.texts[key]);
    expect(html).toContain('http-equiv="refresh" content="4;url=/?lang=en"');
  });

  test("says that the box is starting before the daemon has told anything", async () => {
    const desk = new FakeDesk();
    desk.fault = new DeskError("unreachable");
    const app = guestApp(directoryOf(desk), desk);
    const answer = await app.fetch(new Request("http://portal/", { headers: { host: "omerta.internal" } }), {
      address: ADDRESS,
      secure: false,
    });
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain(ENGLISH.texts["problem.starting"]);
  });
});

describe("agreeing", () => {
  test("with the token of one's own page leads on to the services, in the same language", async () => {
    const { post, tokenOf, desk } = await portal();
    const answer = await post("/agree", { token: await tokenOf(), lang: "ar" });
    expect([answer.status, location(answer)]).toEqual([303, "/on?lang=ar"]);
    expect(agreed(desk)).toEqual([`agree ${ADDRESS} ar`]);
  });

  test.each([
    ["no token", () => ({ lang: "en" })],
    ["an empty token", () => ({ token: "", lang: "en" })],
    ["a wrong token", () => ({ token: "A".repeat(22), lang: "en" })],
    ["a token that is far too long", () => ({ token: "A".repeat(500), lang: "en" })],
  ])("with %s shows the page again and does nothing", async (_, fields) => {
    const { post, desk } = await portal();
    const answer = await post("/agree", fields());
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(ENGLISH.texts["problem.again"]);
    expect(agreed(desk)).toEqual([]);
  });

  test("with the token of another guest's page does nothing", async () => {
    const { post, tokenOf, desk } = await portal();
    await post("/agree", { token: await tokenOf(OTHER), lang: "en" });
    expect(agreed(desk)).toEqual([]);
  });

  test.each([
    ["a foreign origin", { origin: "http://evil.example" }],
    ["a foreign origin that begins like ours", { origin: "http://omerta.internal.evil.example" }],
    ["an origin of another scheme", { origin: "ftp://evil.example" }],
    ["a browser's word that it is cross-site", { "sec-fetch-site": "cross-site" }],
    ["an origin that is no address at all", { origin: "::::" }],
  ])("by a page of another site does nothing, with the right token even: %s", async (_, headers) => {
    const { post, tokenOf, desk } = await portal();
    const answer = await post("/agree", { token: await tokenOf(), lang: "en" }, { headers });
    expect(answer.status).toBe(200);
    expect(agreed(desk)).toEqual([]);
  });

  test.each([
    ["no origin, as old browsers", {}],
    ["our own origin", { origin: "http://omerta.internal" }],
    ["our own origin with a port", { origin: "http://omerta.internal:80" }],
    ["our own address as origin", { origin: "http://[fd07:707:707:1::1]" }],
    ["origin null, as pages without a referrer", { origin: "null" }],
    ["the browser's word that it is our own page", { "sec-fetch-site": "same-origin" }],
  ])("by our own page succeeds: %s", async (_, headers) => {
    const { post, tokenOf, desk } = await portal();
    const answer = await post("/agree", { token: await tokenOf(), lang: "en" }, { headers });
    expect(answer.status).toBe(303);
    expect(agreed(desk)).toHaveLength(1);
  });

  test("by anything but a form does nothing", async () => {
    const { ask, tokenOf, desk } = await portal();
    const token = await tokenOf();
    for (const type of ["application/json", "text/plain", "multipart/form-data; boundary=x", ""]) {
      await ask("/agree", {
        method: "POST",
        headers: { "content-type": type },
        body: `token=${token}&lang=en`,
      });
    }
    await ask(`/agree?token=${token}&lang=en`);
    await ask(`/agree?token=${token}&lang=en`, { method: "POST" });
    expect(agreed(desk)).toEqual([]);
  });

  test("with more than a form holds is refused, with and without a length given", async () => {
    const { ask, tokenOf, desk } = await portal();
    const text = `token=${await tokenOf()}&lang=en&x=${"x".repeat(5_000)}`;
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const told = await ask("/agree", {
      method: "POST",
      headers: { ...headers, "content-length": "5040" },
      body: text,
    });
    const stream = new ReadableStream({
      start(controller) {
        for (const part of text.match(/.{1,500}/g) ?? []) controller.enqueue(new TextEncoder().encode(part));
        controller.close();
      },
    });
    const untold = await ask("/agree", { method: "POST", headers, body: stream });
    expect([told.status, untold.status]).toEqual([413, 413]);
    expect(agreed(desk)).toEqual([]);
  });

  test("with fields that come twice, or are unknown, does no harm", async () => {
    const { ask, tokenOf, desk } = await portal();
    const token = await tokenOf();
    const answer = await ask("/agree", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: `token=wrong&lang=xx&lang=fa&token=${token}&__proto__=1&%00=%ff`,
    });
    expect(answer.status).toBe(303);
    expect(agreed(desk)).toEqual([`agree ${ADDRESS} fa`]);
  });

  test("while the daemon is away says so and leads back to the first page", async () => {
    const { post, tokenOf, desk } = await portal();
    const token = await tokenOf();
    desk.fault = new DeskError("unreachable");
    const answer = await post("/agree", { token, lang: "en" });
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain("4;url=/?lang=en");
  });
});

describe("who a guest is", () => {
  const FORGED = {
    "x-forwarded-for": OTHER,
    "x-real-ip": OTHER,
    forwarded: `for=${OTHER}`,
    "x-omerta-peer": OTHER,
    "cf-connecting-ip": OTHER,
  };

  test("comes from the connection, whatever headers say", async () => {
    const { ask, desk } = await portal();
    desk.guests.set(OTHER, RELEASED);
    expect(await (await ask("/", { headers: FORGED })).text()).toContain('action="/agree"');
    expect((await ask("/generate_204", { host: "www.gstatic.com", headers: FORGED })).status).toBe(302);
    expect(desk.calls.filter((call) => call.includes(OTHER))).toEqual([]);
  });

  test("binds the token, so that a forged header gets nobody else's", async () => {
    const { post, tokenOf, desk } = await portal();
    await post("/agree", { token: await tokenOf(OTHER), lang: "en" }, { headers: FORGED });
    expect(desk.calls.filter((call) => call.startsWith("agree"))).toEqual([]);
  });
});

describe("leaving", () => {
  test("is asked for once more, and then done", async () => {
    const { ask, post, desk } = await portal();
    desk.guests.set(ADDRESS, RELEASED);
    const asking = await (await ask("/leave?lang=fr")).text();
    const token = /name="token" value="([^"]*)"/.exec(asking)?.[1] ?? "";
    const answer = await post("/leave", { token, lang: "fr" });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(languageOf("fr")?.texts["left.title"] ?? "?");
    expect(desk.calls).toContain(`leave ${ADDRESS}`);
  });

  test("without the token, or from another site, is asked for again", async () => {
    const { post, desk, tokenOf } = await portal();
    const token = await tokenOf();
    await post("/leave", { lang: "en" });
    await post("/leave", { token, lang: "en" }, { headers: { "sec-fetch-site": "cross-site" } });
    expect(desk.calls.filter((call) => call.startsWith("leave"))).toEqual([]);
  });

  test("cannot be done by following a link", async () => {
    const { ask, desk } = await portal();
    await ask("/leave?token=x");
    expect(desk.calls.filter((call) => call.startsWith("leave"))).toEqual([]);
  });
});

describe("the page of services", () => {
  test("leads back to the first page where the guest is not let through", async () => {
    const { ask } = await portal();
    const answer = await ask("/on?lang=hi");
    expect([answer.status, location(answer)]).toEqual([303, "/?lang=hi"]);
  });

  test("is shown where the guest is, and counts as shown to a phone that came back", async () => {
    const { ask, desk } = await portal();
    desk.guests.set(ADDRESS, { ...RELEASED, armed: true });
    expect((await ask("/on")).status).toBe(200);
    await settle();
    expect(desk.calls).toContain(`shown ${ADDRESS}`);
  });
});

describe("requests for other sites", () => {
  test.each([
    ["example.org", "/"],
    ["example.org", "/on?lang=en"],
    ["example.org:8080", "/a/b/c"],
    ["", "/"],
    ["omerta.internal.example.org", "/"],
    ["omerta.internal@example.org", "/"],
    ["[::1", "/"],
    ["10.20.0.1.example.org", "/"],
    ["omerta.internal/", "/"],
    ["x".repeat(4_000), "/"],
  ])("of %j lead to the portal: %s", async (host, path) => {
    const { ask } = await portal();
    const answer = await ask(path, { host });
    expect([answer.status, location(answer)]).toEqual([302, `${PORTAL}/`]);
  });

  test("lead there whatever their method is, and without touching the guest", async () => {
    const { ask, desk } = await portal();
    for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      const answer = await ask("/agree", { method, host: "example.org" });
      expect([method, answer.status]).toEqual([method, 302]);
    }
    expect(desk.calls).toEqual([]);
  });

  test.each([
    "omerta.internal",
    "OMERTA.internal",
    "omerta.internal:80",
    "10.20.0.1",
    "10.20.0.1:8080",
    "[fd07:707:707:1::1]:80",
  ])("are not those of %s, which is the portal itself", async (host) => {
    const { ask } = await portal();
    expect((await ask("/", { host })).status).toBe(200);
  });
});

describe("no request, whatever it is,", () => {
  const OWN_PLACES = /^(\/((on)?\?lang=[a-z]{2,3})?|http:\/\/omerta\.internal\/)$/;
  const anyPath = fc.oneof(
    fc.webPath(),
    fc.constantFrom(
      "//evil.example",
      "///evil.example",
      "/\\evil.example",
      "/?lang=//evil.example",
      "/on?lang=http://evil.example",
      "/%0d%0aLocation:%20http://evil.example",
      "/..%2f..%2fetc/passwd",
      "/?lang=en%0d%0aSet-Cookie:x=1",
      "/captive-portal",
      "/agree",
      "/leave",
      "/risks",
    ),
  );

  test("is sent anywhere but to the portal, makes an error of ours, or sets a cookie", async () => {
    const { ask, desk } = await portal();
    desk.guests.set(OTHER, RELEASED);
    await fc.assert(
      fc.asyncProperty(
        anyPath,
        fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"),
        fc.constantFrom("omerta.internal", "evil.example", "captive.apple.com", "10.20.0.1", "[100::1]"),
        fc.constantFrom(ADDRESS, OTHER, "fd00::5", ""),
        async (path, method, host, from) => {
          const answer = await ask(path, { method, host, from });
          expect(answer.status).not.toBe(500);
          const to = location(answer);
          if (to !== null) expect(to).toMatch(OWN_PLACES);
          expect(answer.headers.get("set-cookie")).toBeNull();
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("paths that there are not", () => {
  test("lead to the first page by GET, and are not found by POST", async () => {
    const { ask, post } = await portal();
    const answer = await ask("/wp-login.php");
    expect([answer.status, location(answer)]).toEqual([303, "/"]);
    expect((await post("/wp-login.php", {})).status).toBe(404);
    expect((await ask("/", { method: "DELETE" })).status).toBe(404);
  });

  test("are answered to HEAD as to GET, without a body (RFC 9110 section 9.3.2)", async () => {
    const { ask } = await portal();
    for (const path of ["/", "/risks", "/leave", "/on", "/wp-login.php"]) {
      const [get, head] = [await ask(path), await ask(path, { method: "HEAD" })];
      expect([path, head.status, location(head)]).toEqual([path, get.status, location(get)]);
      expect(await head.text()).toBe("");
    }
  });
});

describe("every page", () => {
  const pages = async () => {
    const { ask, desk } = await portal({ accent: "#aa3311" });
    desk.guests.set(OTHER, RELEASED);
    return [
      await ask("/"),
      await ask("/risks"),
      await ask("/leave"),
      await ask("/", { from: OTHER }),
      await ask("/on", { from: OTHER }),
      await ask("/generate_204", { host: "www.samsung.com" }),
    ];
  };

  test("forbids the browser everything but its own style, which its hash allows", async () => {
    for (const page of await pages()) {
      const style = /<style>(.*?)<\/style>/s.exec(await page.text())?.[1] ?? "";
      expect(style).toBe(guestStyle("#aa3311"));
      const digest = new Bun.CryptoHasher("sha256").update(style).digest("base64");
      expect(page.headers.get("content-security-policy")).toBe(
        `default-src 'none';style-src 'sha256-${digest}';form-action 'self';base-uri 'none';frame-ancestors 'none'`,
      );
    }
  });

  test("is not kept, not guessed at, and does not say whence its reader came", async () => {
    for (const { headers } of await pages()) {
      expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
    }
  });

  test("changes its style and its hash together when the operator changes the colour", async () => {
    const { ask, desk } = await portal();
    const before = (await ask("/")).headers.get("content-security-policy");
    await desk.tell({ kind: "facts", facts: { ...FACTS, accent: "#123456" } });
    const after = await ask("/");
    expect(after.headers.get("content-security-policy")).not.toBe(before);
    expect(await after.text()).toContain(guestStyle("#123456"));
  });
});

describe("the captive-portal API (RFC 8908)", () => {
  const TLS = { tlsHost: "box.example", portalHosts: [...FACTS.portalHosts, "box.example"] };

  test("answers over TLS with its own type, uncached", async () => {
    const { ask } = await portal(TLS);
    const answer = await ask("/captive-portal", { host: "box.example", secure: true });
    expect(answer.headers.get("content-type")).toBe("application/captive+json");
    expect(answer.headers.get("cache-control")).toBe("private, no-store");
    expect(await answer.json()).toEqual({
      captive: true,
      "user-portal-url": "https://box.example/",
      "can-extend-session": true,
    });
  });

  test("says that a guest is free, and for how long", async () => {
    const { ask, desk } = await portal(TLS);
    desk.guests.set(ADDRESS, RELEASED);
    const answer = await ask("/captive-portal", { host: "box.example", secure: true });
    expect(await answer.json()).toMatchObject({ captive: false, "seconds-remaining": 86_400 });
  });

  test("is not there without TLS, nor without a certificate", async () => {
    const plain = await (await portal(TLS)).ask("/captive-portal", { host: "box.example" });
    const without = await (await portal()).ask("/captive-portal", { secure: true });
    expect([plain.status, without.status]).toEqual([303, 303]);
  });

  test("says nothing wrong while the daemon is away", async () => {
    const { ask, desk } = await portal(TLS);
    desk.fault = new DeskError("unreachable");
    expect((await ask("/captive-portal", { host: "box.example", secure: true })).status).toBe(503);
  });
});

test("every language walks the whole way from the first page to the services", async () => {
  for (const { code, texts } of LANGUAGES) {
    const { ask, post } = await portal();
    const page = await (await ask(`/?lang=${code}`)).text();
    const token = /name="token" value="([^"]*)"/.exec(page)?.[1] ?? "";
    const lang = /name="lang" value="([^"]*)"/.exec(page)?.[1] ?? "";
    const answer = await post("/agree", { token, lang });
    const on = await (await ask(location(answer) ?? "")).text();
    expect(on).toContain(`<html lang="${code}"`);
    expect(on).toContain(texts["on.title"].replaceAll("'", "&#39;"));
  }
});
