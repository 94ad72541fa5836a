import { afterEach, describe, expect, jest, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { STATUS_STYLE, statusPage, uptimeText } from "../../../portal/console/status-page.tsx";
import { CONTROL_SOCKET } from "../../../src/host/box-places.ts";
import type { LoraView, TextAdmission, TextToSend } from "../../../src/lora/index.ts";
import type { PathStatus } from "../../../src/mesh/index.ts";
import { type BoxStatus, ConsolePart, splitListen } from "../../../src/portal/index.ts";
import { scratchFolders } from "../scratch.ts";
import { gatewayWithDesk, STATION } from "./desk-gateway.ts";

const scratch = scratchFolders();
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const LORA: LoraView = {
  address: "39f7f4",
  cases: [
    {
      key: "usb:10c4:ea60:0042",
      name: "usb:10c4:ea60:0042",
      state: "working",
      reason: "",
      firmware: "RNode 1.86",
      channel: "869.525 MHz, SF11, 250 kHz, 4/5, 14 dBm",
      batteryPercent: 80,
      position: { latitude: 52.5, longitude: 13.4 },
      nodes: [{ id: "!a1b2c3d4", name: "Roof", heardSecondsAgo: 90, hops: 2, batteryPercent: 71 }],
      waiting: 2,
      airtime: [{ subBand: "869.4–869.65 MHz", windowSeconds: 3_600, usedMs: 12_400, allowedMs: 360_000 }],
      heard: [{ address: "12f69c", secondsAgo: 61, snrDb: -1.26, lossPercent: 10 }],
    },
  ],
  texts: [
    {
      id: 2,
      direction: "sent",
      peer: "12f69c",
      text: "We need water",
      priority: "sos",
      fate: "arrived",
      secondsAgo: 5,
    },
    {
      id: 1,
      direction: "heard",
      peer: "12f69c",
      text: "I am safe",
      priority: undefined,
      fate: "to everyone",
      secondsAgo: 70,
    },
  ],
};

const NETWORK: BoxStatus["mesh"]["networks"][number] = {
  id: "d8028708962b6e01",
  name: "Valley",
  words: "space receive flee myth",
  self: { peer: "12D3KooWself", words: "vocal shaft learn balance", role: "box", expiresAt: 0 },
  ports: { tcp: 4600, ws: 4601, udp: 4600 },
  nat: "cone",
  seenAs: "203.0.113.7:4600",
  canInvite: true,
  canRevoke: true,
  known: 1,
  connected: 1,
  relayed: { boxes: 0, bytes: 0, dropped: 0 },
};

const path = (kind: PathStatus["kind"], name: string, more: Partial<PathStatus>): PathStatus => ({
  id: name,
  kind,
  target: { by: "udp", endpoint: { address: "10.0.0.2", port: 4600 } },
  interface: name,
  cost: 0,
  metered: false,
  state: "good",
  chosen: false,
  loss: 0,
  sentBytes: 0,
  receivedBytes: 0,
  ...more,
});

const PEER: BoxStatus["mesh"]["peers"][number] = {
  network: NETWORK.id,
  peer: "12D3KooWother",
  name: "School",
  role: "box",
  words: "huge brown science receive",
  connected: true,
  streams: ["tcp"],
  paths: [
    path("radio", "bat0", { chosen: true, rttMs: 12.3, loss: 0.04 }),
    path("internet", "eth0", {}),
    path("lora", "", { state: "dead" }),
  ],
  nat: "open",
  relays: true,
  services: [],
  load: 20,
  heardSecondsAgo: 4,
};

const NO_LORA: LoraView = { address: "39f7f4", cases: [], texts: [] };

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

async function startedConsole(
  others: readonly string[] = [],
  lora: (text: TextToSend) => TextAdmission = () => ({ accepted: true, id: 1, etaSeconds: 2 }),
) {
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
      messages: undefined,
      parts: () => [{ name: "gateway", state: "running", detail: "at work" }],
      gateway,
      lora: { view: () => LORA, send: (text) => lora(text) },
      mesh: { networks: () => [NETWORK], peers: () => [PEER] },
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

describe("a text that is to be sent by LoRa", () => {
  const posted = async (socket: string, body: unknown) => {
    const response = await fetch("http://box/api/lora/texts", {
      unix: socket,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, answer: await response.json() };
  };

  test("is handed on from the command line's socket, and the answer comes back", async () => {
    const texts: TextToSend[] = [];
    const { socket } = await startedConsole([], (text) => {
      texts.push(text);
      return { accepted: false, reason: "expired", detail: "it would take 90 s" };
    });
    const { answer } = await posted(socket, { text: "water", to: "12f69c", lifetimeSeconds: 60 });
    expect(answer).toEqual({ accepted: false, reason: "expired", detail: "it would take 90 s" });
    expect(texts).toEqual([{ text: "water", to: 0x12f69c, priority: "direct", lifetimeMs: 60_000 }]);
    await posted(socket, { text: "water", priority: "sos" });
    expect(texts[1]).toMatchObject({ to: "everyone", priority: "sos" });
  });

  test.each([
    [{}, "text"],
    [{ text: "water", to: "nobody" }, "to"],
    [{ text: "water", priority: "most" }, "priority"],
    [{ text: "water", lifetimeSeconds: 0 }, "lifetimeSeconds"],
  ])("is refused with the field named: %p", async (body, field) => {
    const { socket } = await startedConsole();
    const { status, answer } = await posted(socket, body);
    expect(status).toBe(400);
    expect(answer).toMatchObject({
      accepted: false,
      detail: expect.stringMatching(new RegExp(`^${field}: `)),
    });
  });

  test("is not taken from the operator's page, which anybody on the management side can reach", async () => {
    const { port } = await startedConsole();
    const response = await fetch(`http://127.0.0.1:${port}/api/lora/texts`, { method: "POST", body: "{}" });
    expect(response.status).toBe(404);
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
    lora: NO_LORA,
    mesh: { networks: [], peers: [] },
    messages: undefined,
    journal: [],
  };

  test("shows the networks, the other boxes, and the ways to them", () => {
    const html = statusPage({ ...STATUS, mesh: { networks: [NETWORK], peers: [PEER] } });
    for (const words of [
      "Valley",
      "space receive flee myth",
      "1 of 1 connected",
      "behind a NAT that can be passed, seen as 203.0.113.7:4600",
      "School",
      "radio by bat0",
      "12.3 ms, 4 % lost",
      "internet by eth0",
    ])
      expect(html).toContain(words);
    expect(html).not.toContain("lora 00");
  });

  test("says how to begin while the box is in no network, and what is wrong with one that does not run", () => {
    expect(statusPage(STATUS)).toContain("omerta-box mesh found NAME");
    const trouble = { ...NETWORK, trouble: "the port is taken", known: 0, connected: 0 };
    const html = statusPage({ ...STATUS, mesh: { networks: [trouble], peers: [] } });
    expect(html).toContain("Valley: the port is taken");
    expect(html).toContain("No other box has been heard of yet.");
  });

  test("shows the LoRa cases, what they have used of the air, whom they hear, and the last texts", () => {
    const html = statusPage({ ...STATUS, lora: LORA });
    for (const words of [
      "usb:10c4:ea60:0042",
      '<span class="running">working</span>',
      "12 of 360 s in an hour (869.4–869.65 MHz)",
      "-1.3 dB over noise",
      "10 % of ours lost",
      "2 on the way",
      "1 min 1 s ago",
      "to 12f69c",
      "We need water",
      "arrived",
      "heard, to everyone",
      "!a1b2c3d4",
      "2 hops",
    ]) {
      expect(html).toContain(words);
    }
    expect(statusPage(STATUS)).toContain("No LoRa case is plugged in.");
  });

  test("says why a LoRa case only listens", () => {
    const [one] = LORA.cases;
    if (!one) throw new Error("no case");
    const cases = [
      { ...one, state: "listening" as const, reason: "lora.region is not set: it sends nothing" },
    ];
    expect(statusPage({ ...STATUS, lora: { ...LORA, cases } })).toContain(
      '<span class="troubled">listening: lora.region is not set: it sends nothing</span>',
    );
  });

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
      guests: [{ mac: attack, ipv4: attack, state: "new", language: attack, from: attack, secondsLeft: 1 }],
      lora: {
        address: attack,
        cases: LORA.cases.map((one) => ({ ...one, name: attack, firmware: attack, channel: attack })),
        texts: LORA.texts.map((one) => ({ ...one, peer: attack, text: attack, fate: attack })),
      },
      journal: [
        { id: 1, wallMs: 0, part: attack, kind: attack, subject: attack, detail: { [attack]: attack } },
      ],
    });
    expect(html).not.toContain("<script");
    expect(html.split("&lt;script&gt;").length - 1).toBeGreaterThanOrEqual(22);
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
