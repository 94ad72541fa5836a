import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { OPERATOR_STYLE } from "../../../../portal/console/operator-page.tsx";
import { OperatorDesk } from "../../../../src/first-boot/claim/operator-desk.ts";
import { operatorGate } from "../../../../src/first-boot/claim/operator-gate.ts";
import { ExportError } from "../../../../src/first-boot/export/sealed-export.ts";
import { FakeClock } from "../../fake-clock.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const PASSWORD = "three quiet words";
const PAGE = "what only the operator sees";

/** A browser at an address: it keeps cookies and fills in forms. */
function standAt() {
  const clock = new FakeClock();
  const desk = new OperatorDesk({
    ...{ stateFolder: scratch(), randomBytes, told: () => {}, passwordCost: { n: 1_024, r: 1, p: 1 } },
    monotonicMs: () => clock.monotonicMs(),
  });
  const seen: string[] = [];
  const gate = operatorGate(
    desk,
    "Harbour",
    (request) => {
      seen.push(`${request.method} ${new URL(request.url).pathname}`);
      return new Response(PAGE, { headers: { "content-security-policy": "default-src 'self'" } });
    },
    {
      exportAll: async (passphrase) => {
        if (passphrase.length < 10) throw new ExportError("passphrase: too short");
        seen.push(`export with ${passphrase}`);
        return new Response("sealed").body ?? new ReadableStream();
      },
      reset: () => seen.push("reset"),
    },
  );
  const browser = (address: string) => {
    let cookie = "";
    const ask = async (path: string, more: RequestInit = {}) => {
      const headers = new Headers(more.headers);
      if (cookie !== "") headers.set("cookie", cookie);
      const answer = await gate(new Request(`http://192.168.7.1:8090${path}`, { ...more, headers }), address);
      const set = answer.headers.get("set-cookie");
      if (set !== null) cookie = set.split(";")[0] ?? "";
      return answer;
    };
    const fill = async (at: string, path: string, fields: Record<string, string>) => {
      const html = await (await ask(at)).text();
      const token = /name="token" value="([^"]+)"/.exec(html)?.[1] ?? "";
      return ask(path, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ token, ...fields }).toString(),
      });
    };
    return { ask, fill };
  };
  return { desk, clock, seen, browser };
}

describe("the operator's page behind its gate", () => {
  test("is for nobody before somebody has claimed the box, whatever they ask for", async () => {
    const { browser, seen } = standAt();
    const { ask } = browser("192.168.7.5");
    for (const path of ["/", "/messages", "/anything"]) {
      const answer = await ask(path);
      expect([answer.status, answer.headers.get("location")]).toEqual([303, "/claim"]);
    }
    expect((await ask("/api/status")).status).toBe(401);
    expect((await ask("/messages/remove", { method: "POST", body: "id=1" })).status).toBe(303);
    expect(seen).toEqual([]);
  });

  test("opens for whoever types in the code, who is then remembered by a cookie that no other site can use", async () => {
    const { desk, browser, seen } = standAt();
    const { ask, fill } = browser("192.168.7.5");
    const code = (desk.claimCode ?? "").toLowerCase().replace("-", " ");
    const answer = await fill("/claim", "/claim", { code, password: PASSWORD });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/"]);
    const cookie = answer.headers.get("set-cookie") ?? "";
    for (const word of ["HttpOnly", "SameSite=Strict", "Path=/"]) expect(cookie).toContain(word);
    const page = await ask("/");
    expect(await page.text()).toBe(PAGE);
    // What the page itself allows stands.
    expect(page.headers.get("content-security-policy")).toBe("default-src 'self'");
    await ask("/messages/remove", { method: "POST" });
    expect(seen).toEqual(["GET /", "POST /messages/remove"]);
  });

  test("stays shut for others afterwards, who get the form of the password", async () => {
    const { desk, clock, browser } = standAt();
    const first = browser("192.168.7.5");
    await first.fill("/claim", "/claim", { code: desk.claimCode ?? "", password: PASSWORD });
    clock.pass(1_000);
    const { ask, fill } = browser("192.168.7.6");
    expect((await ask("/")).headers.get("location")).toBe("/sign-in");
    const wrong = await fill("/sign-in", "/sign-in", { password: "not the password" });
    expect([wrong.status, (await wrong.text()).includes("That is not the password.")]).toEqual([403, true]);
    clock.pass(1_000);
    expect((await fill("/sign-in", "/sign-in", { password: PASSWORD })).status).toBe(303);
    expect(await (await ask("/")).text()).toBe(PAGE);
  });

  test("says in words what was wrong with a claim, and gives back nothing that was typed", async () => {
    const { desk, clock, browser } = standAt();
    const { fill } = browser("192.168.7.5");
    const tried = async (fields: Record<string, string>) => {
      clock.pass(60_000);
      const answer = await fill("/claim", "/claim", fields);
      return { status: answer.status, html: await answer.text() };
    };
    const wrong = await tried({ code: "0000-0000", password: PASSWORD });
    expect([wrong.status, wrong.html.includes("That is not the code.")]).toEqual([403, true]);
    expect(wrong.html).not.toContain(PASSWORD);
    const short = await tried({ code: desk.claimCode ?? "", password: "short" });
    expect(short.html).toContain("at least 10 characters");
    expect(short.html).not.toContain(desk.claimCode ?? "-");
  });

  test("takes a form from the page of the same address alone", async () => {
    const { desk, browser } = standAt();
    const [a, b] = [browser("192.168.7.5"), browser("192.168.7.6")];
    const html = await (await a.ask("/claim")).text();
    const token = /name="token" value="([^"]+)"/.exec(html)?.[1] ?? "";
    const fields = { code: desk.claimCode ?? "", password: PASSWORD };
    for (const stolen of [token, ""]) {
      const answer = await b.fill("/claim", "/claim", { ...fields, token: stolen });
      expect([answer.status, (await answer.text()).includes("send it once more")]).toEqual([403, true]);
    }
    expect(desk.claimCode).toBeDefined();
  });

  test("tells who tries too often to wait", async () => {
    const { clock, browser } = standAt();
    const { fill } = browser("192.168.7.5");
    const codes: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      codes.push((await fill("/claim", "/claim", { code: "0000-0000", password: PASSWORD })).status);
      clock.pass(1_000);
    }
    expect(codes).toEqual([403, 403, 403, 403, 403, 429, 429]);
  });

  test("lets the operator change the password and sign out", async () => {
    const { desk, clock, browser } = standAt();
    const { ask, fill } = browser("192.168.7.5");
    await fill("/claim", "/claim", { code: desk.claimCode ?? "", password: PASSWORD });
    clock.pass(60_000);
    const fields = { password: PASSWORD, next: "a newer password" };
    expect((await fill("/operator", "/operator/password", fields)).status).toBe(303);
    expect(await (await ask("/")).text()).toBe(PAGE);
    expect((await fill("/operator", "/sign-out", {})).headers.get("location")).toBe("/sign-in");
    expect((await ask("/")).status).toBe(303);
    expect((await ask("/operator")).status).toBe(200);
    expect(await (await ask("/operator")).text()).toContain("sign in");
  });

  test("hands all that is kept to the operator alone, sealed with a passphrase that is not too short", async () => {
    const { desk, browser, seen } = standAt();
    const { ask, fill } = browser("192.168.7.5");
    expect((await fill("/claim", "/operator/export", { passphrase: "five quiet words" })).status).toBe(200);
    expect(seen).toEqual([]);
    await fill("/claim", "/claim", { code: desk.claimCode ?? "", password: PASSWORD });
    expect((await fill("/operator", "/operator/export", { passphrase: "short" })).status).toBe(403);
    const answer = await fill("/operator", "/operator/export", { passphrase: "five quiet words" });
    expect([await answer.text(), answer.headers.get("content-disposition")]).toEqual([
      "sealed",
      'attachment; filename="omerta-export.age"',
    ]);
    expect(
      (await ask("/operator/export", { method: "POST", body: "passphrase=five+quiet+words" })).status,
    ).toBe(403);
    expect(seen).toEqual(["export with five quiet words"]);
  });

  test("has the box forget everything when the operator says the password once more", async () => {
    const { desk, clock, browser, seen } = standAt();
    const { fill } = browser("192.168.7.5");
    await fill("/claim", "/operator/reset", { password: PASSWORD });
    await fill("/claim", "/claim", { code: desk.claimCode ?? "", password: PASSWORD });
    clock.pass(60_000);
    expect((await fill("/operator", "/operator/reset", { password: "not the password" })).status).toBe(403);
    expect(seen).toEqual([]);
    const done = await fill("/operator", "/operator/reset", { password: PASSWORD });
    expect([done.status, (await done.text()).includes("forgets everything")]).toEqual([200, true]);
    expect(seen).toEqual(["reset"]);
  });

  test("has pages that allow nothing but their own style, and refuses floods of text", async () => {
    const { browser } = standAt();
    const { ask } = browser("192.168.7.5");
    const answer = await ask("/claim");
    const digest = new Bun.CryptoHasher("sha256").update(OPERATOR_STYLE).digest("base64");
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src 'sha256-${digest}'`);
    const html = await answer.text();
    expect(/<style>(.*?)<\/style>/s.exec(html)?.[1]).toBe(OPERATOR_STYLE);
    expect((await ask("/claim", { method: "POST", body: "x".repeat(5_000) })).status).toBe(413);
  });
});
