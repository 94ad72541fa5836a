import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { run } from "../../src/host/run.ts";
import { describeNeeding, LAB_NEEDS } from "../needs.ts";
import { type LabBox, startBox } from "./box.ts";
import { Guest } from "./guest.ts";
import { Lab, until } from "./lab.ts";
import { type Phone, Swarm, withNetworkOf } from "./swarm.ts";

/** What the portal's process may hold at most, in MiB, whatever is thrown at it. */
const MEMORY_BOUND_MIB = 200;
/** How long an honest guest may wait for a page while others misbehave, in ms: far more than it takes. */
const SERVED_WITHIN_MS = 3_000;

describeNeeding(LAB_NEEDS, "Abuse", () => {
  const lab = new Lab("abu");
  let box: LabBox;
  let swarm: Swarm;
  let attacker: Phone;
  let honest: Phone;
  let portalPid: number;

  const portal = async (): Promise<number> => {
    for (const pid of (await run(["ip", "netns", "pids", box.host.name])).split("\n").filter(Boolean)) {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (command.includes("portal")) return Number(pid);
    }
    throw new Error("no portal");
  };
  const memoryMiB = (pid: number): number =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

  beforeAll(async () => {
    await lab.open();
    box = await startBox(lab, "box");
    swarm = new Swarm(lab, box.host, box.bridge);
    const [first, second] = await swarm.addPhones(2);
    if (!first || !second) throw new Error("no phones");
    [attacker, honest] = [first, second];
    await attacker.dhcp();
    await honest.dhcp();
    portalPid = await portal();
  });
  afterAll(() => lab.close());

  /** Sends bytes over a new connection. @returns what came back until the other side closed, or `holdMs` passed */
  const raw = (bytes: string | Uint8Array, holdMs = 2_000, phone = attacker): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    let text = "";
    const timer = setTimeout(() => resolve(text), holdMs);
    const done = () => {
      clearTimeout(timer);
      resolve(text);
    };
    withNetworkOf(phone, () =>
      Bun.connect({
        hostname: "198.51.100.1",
        port: 80,
        socket: {
          open: (socket) => void socket.write(bytes),
          data: (_, data) => {
            text += data.toString("latin1");
          },
          close: done,
          error: done,
          connectError: done,
        },
      }),
    ).catch(done);
    return promise;
  };

  /** The honest guest still gets a page, the portal is the same process, and its memory is bounded. */
  const stillServed = async () => {
    const page = await honest.request({
      address: "198.51.100.1",
      host: "omerta.internal",
      timeoutMs: SERVED_WITHIN_MS,
    });
    expect(page.status).toBe(200);
    expect(await portal()).toBe(portalPid);
    expect(memoryMiB(portalPid)).toBeLessThan(MEMORY_BOUND_MIB);
    expect((await box.status()).parts.filter((part) => part.state !== "running")).toEqual([]);
  };

  test("malformed requests end in an error or a closed connection, never in a page for somebody else", async () => {
    const requests = [
      "\r\n\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: omerta.internal\r\nHost: evil.example\r\n\r\n",
      "GET http://[::bad/ HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /%ff%fe%00 HTTP/1.1\r\nHost: omerta.internal\r\n\r\n",
      "GET /../../etc/passwd HTTP/1.1\r\nHost: omerta.internal\r\n\r\n",
      "POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nContent-Length: -1\r\n\r\n",
      "POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
      "POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
      `GET / HTTP/1.1\r\nHost: ${"a".repeat(5_000)}\r\n\r\n`,
      `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: omerta.internal\r\n\r\n`,
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for (const request of requests) {
      const answer = await raw(request, 500);
      expect(answer).not.toContain("root:");
      expect(/^HTTP\/1\.1 (200|30[23]|400|404|411|413|414|431|501|505) /.test(answer) || answer === "").toBe(
        true,
      );
    }
    await stillServed();
  });

  test("random bytes by the thousand change nothing", async () => {
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed >>> 16;
    };
    for (let round = 0; round < 40; round += 1) {
      const batch = Array.from({ length: 25 }, () => {
        const bytes = Uint8Array.from({ length: 1 + (random() % 600) }, () => random() & 255);
        const head = round % 2 === 0 ? Buffer.from("GET / HTTP/1.1\r\n") : Buffer.alloc(0);
        return raw(Buffer.concat([head, bytes]), 150);
      });
      await Promise.all(batch);
    }
    await stillServed();
  }, 60_000);

  test("headers without end are cut off", async () => {
    const bomb = `GET / HTTP/1.1\r\nHost: omerta.internal\r\n${`X-A: ${"b".repeat(1_000)}\r\n`.repeat(5_000)}`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => raw(bomb, 4_000)));
    for (const answer of answers) expect(answer.startsWith("HTTP/1.1 200")).toBe(false);
    await stillServed();
  });

  test("a body larger than any form is refused unread", async () => {
    const answer = await raw(
      `POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 50000000\r\n\r\n${"a".repeat(200_000)}`,
      3_000,
    );
    expect(answer === "" || answer.startsWith("HTTP/1.1 413")).toBe(true);
    await stillServed();
  });

  test("a forged X-Forwarded-For, or any header that names an address, is not believed", async () => {
    const forged = honest.address as string;
    const headers = {
      "x-forwarded-for": forged,
      forwarded: `for=${forged}`,
      "x-real-ip": forged,
      "x-omerta-peer": forged,
      "x-client-ip": forged,
    };
    const first = await attacker.request({ address: "198.51.100.1", host: "omerta.internal", headers });
    const token = /name="token" value="([^"]+)"/.exec(first.body)?.[1] ?? "";
    expect(token).not.toBe((await new Guest(honest).firstPage()).token);
    await new Guest(attacker).post("/agree", { token, lang: "en" }, headers);
    const guests = (await box.status()).guests;
    expect(guests.find((guest) => guest.mac === honest.mac)?.state).toBe("shown");
    expect(guests.find((guest) => guest.mac === attacker.mac)?.state).toBe("released");
    await new Guest(attacker).leave();
  });

  test("a post from another site, or with another guest's token, agrees to nothing", async () => {
    const guest = new Guest(honest);
    const { token } = await guest.firstPage();
    const stolen = (await new Guest(attacker).firstPage()).token;
    for (const [fields, headers] of [
      [{ token, lang: "en" }, { origin: "http://evil.example" }],
      [{ token, lang: "en" }, { "sec-fetch-site": "cross-site" }],
      [{ token: stolen, lang: "en" }, {}],
      [{ token: "", lang: "en" }, {}],
      [{ lang: "en" }, {}],
      [{ token: `${token}x`, lang: "en" }, {}],
    ] as [Record<string, string>, Record<string, string>][]) {
      const answer = await guest.post("/agree", fields, headers);
      expect(answer.status).toBe(200);
      expect(answer.body).toContain("Please tap once more");
    }
    expect((await box.status()).guests.find(({ mac }) => mac === honest.mac)?.state).toBe("shown");
  });

  test("slow clients are dropped, and hold up nobody", async () => {
    let dropped = 0;
    const slow = await Promise.all(
      Array.from({ length: 50 }, () =>
        withNetworkOf(attacker, () =>
          Bun.connect({
            hostname: "198.51.100.1",
            port: 80,
            socket: {
              data() {},
              close: () => {
                dropped += 1;
              },
            },
          }),
        ),
      ),
    );
    for (const socket of slow) socket.write("GET / HTTP/1.1\r\nHost: ");
    await stillServed();
    await until("them to be dropped", () => dropped === slow.length, 30_000);
    await stillServed();
  }, 60_000);

  test("10,000 connections from one station: it gets its share, the others stay served", async () => {
    let open = 0;
    let refused = 0;
    const sockets: { terminate(): void }[] = [];
    for (let batch = 0; batch < 100; batch += 1) {
      const attempts = Array.from({ length: 100 }, () =>
        withNetworkOf(attacker, () =>
          Bun.connect({ hostname: "198.51.100.1", port: 80, socket: { data() {}, connectError() {} } }),
        ),
      );
      void Promise.allSettled(
        attempts.map(async (attempt) => {
          try {
            sockets.push(await attempt);
            open += 1;
          } catch {
            refused += 1;
          }
        }),
      );
      if (batch % 25 === 24) await stillServed();
      await Bun.sleep(10);
    }
    await stillServed();
    console.log(`      of 10,000 attempts ${open} were open and ${refused} refused by then`);
    expect(open).toBeLessThanOrEqual(64);
    for (const socket of sockets) socket.terminate();
  }, 60_000);

  test("a flood of DNS queries is cut to the station's share, and another's are answered", async () => {
    const flood = attacker.spawn([process.execPath, `${import.meta.dir}/dns-flood.ts`, box.address, "20000"]);
    await until("the flood", () => flood.output().includes("begun"));
    const page = await honest.openPage("http://198.51.100.1/", { resolve: () => "198.51.100.1" });
    expect(page.response.status).toBe(200);
    expect(await flood.exited).toBe(0);
    const answered = Number(/answered (\d+)/.exec(flood.output())?.[1]);
    console.log(`      of 20,000 queries ${answered} were answered`);
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(5_000);
    await stillServed();
  }, 60_000);
});
