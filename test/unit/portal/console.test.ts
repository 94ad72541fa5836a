import { afterEach, describe, expect, jest, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { STATUS_STYLE, statusPage, uptimeText } from "../../../portal/console/status-page.tsx";
import { type BoxStatus, CONTROL_SOCKET, ConsolePart, splitListen } from "../../../src/portal/index.ts";
import { scratchFolders } from "../scratch.ts";
import { gatewayWithDesk, STATION } from "./desk-gateway.ts";

const scratch = scratchFolders();
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

async function startedConsole(others: readonly string[] = []) {
  const runFolder = scratch();
  const { gateway, journal, clock } = await gatewayWithDesk(runFolder);
  const port = freePort();
  const part = new ConsolePart({
    listen: [...others, `127.0.0.1:${port}`],
    runFolder,
    source: {
      name: "Harbour",
      version: "0.0.0",
      mode: "bench",
      config: { file: null, problems: [] },
      parts: () => [{ name: "gateway", state: "running", detail: "at work" }],
      gateway,
      journal,
      monotonicMs: clock.monotonicMs.bind(clock),
    },
  });
  await part.start();
  ends.push(
    () => journal.close(),
    () => gateway.stop(),
    () => part.stop(),
  );
  return { part, port, runFolder, gateway, clock, socket: join(runFolder, CONTROL_SOCKET) };
}

describe("the operator's status", () => {
  test("tells the command line of parts, guests and journal over its socket, which is its owner's alone", async () => {
    const { socket, gateway, clock } = await startedConsole();
    await gateway.agree(STATION.ipv4, "sw");
    clock.pass(90_000);
    const status = (await (await fetch("http://box/api/status", { unix: socket })).json()) as BoxStatus;
    expect(status).toMatchObject({
      name: "Harbour",
      uptimeSeconds: 90,
      parts: [{ name: "gateway", state: "running" }],
      guests: [{ ...STATION, state: "released", language: "sw", secondsLeft: 86_400 - 90 }],
      guestsByState: { new: 0, shown: 0, consented: 0, released: 1, expired: 0 },
    });
    expect(status.journal[0]).toMatchObject({ kind: "guest-agreed", subject: STATION.mac });
    expect(statSync(socket).mode & 0o777).toBe(0o600);
  });

  test("shows the newest 200 guests of very many", async () => {
    const { socket, gateway, clock } = await startedConsole();
    for (let index = 0; index < 300; index += 1) {
      clock.pass(1);
      gateway.sessions.meet(
        `02:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`,
        `10.20.${index >> 8}.${index & 255}`,
      );
    }
    const { guests, guestsByState } = (await (
      await fetch("http://box/api/status", { unix: socket })
    ).json()) as BoxStatus;
    expect([guests.length, guests[0]?.ipv4, guestsByState.new]).toEqual([200, "10.20.1.43", 300]);
  });

  test.each(["127.0.0.1", "localhost", "[::1]", "192.168.7.1"])("answers to the name %s", async (host) => {
    const { port } = await startedConsole();
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { host: `${host}:${port}` } });
    expect(answer.status).toBe(200);
  });

  test.each(["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "omerta.internal", ""])(
    "turns away a page of the wide web that points the name %j at the box",
    async (host) => {
      const { port } = await startedConsole();
      const answer = await fetch(`http://127.0.0.1:${port}/api/status`, { headers: { host } });
      expect([answer.status, await answer.text()]).toEqual([421, ""]);
    },
  );

  test("can be read and not written", async () => {
    const { port } = await startedConsole();
    for (const method of ["POST", "PUT", "DELETE"]) {
      expect((await fetch(`http://127.0.0.1:${port}/api/status`, { method })).status).toBe(404);
    }
  });

  test("allows its page nothing but its own style", async () => {
    const { port } = await startedConsole();
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    const digest = new Bun.CryptoHasher("sha256").update(STATUS_STYLE).digest("base64");
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src 'sha256-${digest}'`);
    expect(/<style>(.*?)<\/style>/s.exec(await answer.text())?.[1]).toBe(STATUS_STYLE);
  });
});

describe("an address of the operator's page that is not to be had", () => {
  test("keeps the others from nothing, is told of, and is taken as soon as it can be", async () => {
    jest.useFakeTimers();
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const text = `127.0.0.1:${taken.port}`;
    const { part, port } = await startedConsole([text]);
    // Before all else that is ended: the store commits by the clock.
    ends.push(() => jest.useRealTimers());
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    expect(part.trouble()).toStartWith(`${text}: `);
    taken.stop(true);
    jest.advanceTimersByTime(2_000);
    expect(part.trouble()).toBeUndefined();
    expect((await fetch(`http://${text}/`)).status).toBe(200);
  });

  test("is taken again when the part is started again", async () => {
    const { part, port } = await startedConsole();
    await part.stop();
    expect(part.trouble()).toBeDefined();
    await part.start();
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });
});

describe("the status page", () => {
  const STATUS: BoxStatus = {
    name: "Harbour",
    version: "0.0.0",
    mode: "device",
    uptimeSeconds: 3_700,
    config: { file: null, problems: [] },
    parts: [{ name: "gateway", state: "failed", detail: "nft: not permitted" }],
    guests: [],
    guestsByState: { new: 0, shown: 0, consented: 0, released: 0, expired: 0 },
    journal: [],
  };

  test("shows what failed and why", () => {
    expect(statusPage(STATUS)).toContain('<span class="failed">failed</span>');
    expect(statusPage(STATUS)).toContain("nft: not permitted");
  });

  test("shows what runs in trouble, and why", () => {
    const parts = [{ name: "gateway", state: "troubled" as const, detail: "no interface (br-guest)" }];
    const html = statusPage({ ...STATUS, parts });
    expect(html).toContain('<span class="troubled">troubled</span>');
    expect(html).toContain("no interface (br-guest)");
  });

  test("lists what is wrong with the configuration", () => {
    const html = statusPage({
      ...STATUS,
      config: {
        file: "/etc/omerta.toml",
        problems: [{ key: "box.nmae", allowed: 'unknown key; did you mean "name"?' }],
      },
    });
    expect(html).toContain("box.nmae: unknown key; did you mean &quot;name&quot;?");
    expect(html).toContain("/etc/omerta.toml");
  });

  test("makes text of whatever comes from outside", () => {
    const attack = "<script>alert(1)</script>";
    const html = statusPage({
      ...STATUS,
      name: attack,
      parts: [{ name: attack, state: "running", detail: attack }],
      config: { file: attack, problems: [{ key: attack, value: attack, allowed: attack }] },
      guests: [{ mac: attack, ipv4: attack, state: "new", language: attack, secondsLeft: 1 }],
      journal: [
        { id: 1, wallMs: 0, part: attack, kind: attack, subject: attack, detail: { [attack]: attack } },
      ],
    });
    expect(html).not.toContain("<script");
    expect(html.split("&lt;script&gt;").length - 1).toBeGreaterThanOrEqual(12);
  });

  test("takes any date that the clock of the box may say", () => {
    const entry = { id: 1, part: "box", kind: "started", subject: "", detail: {} };
    for (const wallMs of [0, -1, -8.64e15, 8.64e15]) {
      expect(() => statusPage({ ...STATUS, journal: [{ ...entry, wallMs }] })).not.toThrow();
    }
  });
});

test("a time span is told in its two largest units", () => {
  const texts = [0, 40, 60, 61, 3_600, 3_660, 86_400, 100_000, 2_592_000].map(uptimeText);
  expect(texts).toEqual(["0 s", "40 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "1 d", "1 d 3 h", "30 d"]);
});

test("an address and a port are told apart, with brackets or without", () => {
  expect(splitListen("192.168.7.1:8090")).toEqual({ address: "192.168.7.1", port: 8090 });
  expect(splitListen("[fd00::1]:8090")).toEqual({ address: "fd00::1", port: 8090 });
});
