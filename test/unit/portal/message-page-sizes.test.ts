import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Server } from "bun";
import { LANGUAGES } from "../../../portal/locales/index.ts";
import { TALKATIVE } from "./facts.ts";
import { settle } from "./fake-desk.ts";
import { idOf } from "./memory-messages.ts";
import { ADDRESS, messagePortal } from "./message-portal.ts";

/** What a first flight of TCP carries: 10 segments (RFC 6928), here as 14 KiB. */
const FIRST_FLIGHT = 14_336;
const STATION = { station: "02:00:00:00:00:99" };

const PATHS = [
  "/",
  "/sos",
  "/check-in",
  "/square",
  "/write",
  `/write?reply=${idOf(1)}`,
  `/report?id=${idOf(1)}`,
  "/people",
  "/people?q=Nobody",
  "/notices",
  "/mine",
  "/mine?code=0000-0000-0021",
] as const;

/** Bytes of an answer as it goes over the wire, status line and headers included. */
async function bytesOnTheWire(port: number, path: string, language: string): Promise<number> {
  let bytes = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, chunk) {
        bytes += chunk.length;
      },
      close: () => resolve(),
    },
  });
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: omerta.internal\r\nAccept-Language: ${language}\r\nConnection: close\r\n\r\n`,
  );
  await promise;
  return bytes;
}

describe("a page of messages fits into one round trip, with twenty posts and check-ins of usual length", () => {
  let server: Server<undefined>;
  let agrees: (address: string) => void;
  let leaves: (address: string) => void;

  beforeAll(async () => {
    const portal = await messagePortal({ ...TALKATIVE, messages: true });
    const { memory, desk, directory } = portal;
    const place = { words: "School, first floor, by the window" };
    for (let count = 0; count < 20; count += 1) {
      const text = `Water is given out at the school from 9 to 12. Bring bottles and help to carry. (${count})`;
      await memory.post(STATION, "square", { name: `Neighbour ${count}`, text });
      await memory.checkIn(STATION, {
        name: `Neighbour ${count}`,
        state: "on-the-move",
        text,
        place,
        tell: "",
      });
    }
    for (const level of ["danger", "warning"] as const) {
      const text = "The bridge on Station Road is closed. Use the footbridge behind the market. ".repeat(4);
      memory.shownNotices.push({ id: idOf(99), ageS: 60, level, text, trusted: true, box: "Hill school" });
    }
    await memory.sos(STATION, { text: "x", name: "", place, people: 0, injured: 0, contact: "" });
    memory.changed();
    await settle();
    agrees = portal.agrees;
    leaves = (address) => {
      desk.guests.delete(address);
      directory.forget(address);
    };
    server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) =>
        portal.ask(request.url.slice(request.url.indexOf("/", 8)), {
          headers: { "accept-language": request.headers.get("accept-language") ?? "" },
        }),
    });
  });
  afterAll(() => server.stop(true));

  test.each(LANGUAGES.map(({ code }) => [code]))("in %s", async (code) => {
    const port = server.port ?? 0;
    leaves(ADDRESS);
    const newcomer = await bytesOnTheWire(port, "/", code);
    agrees(ADDRESS);
    const sizes = await Promise.all(
      PATHS.map(async (path) => [path, await bytesOnTheWire(port, path, code)] as const),
    );
    for (const [path, bytes] of [["welcome", newcomer] as const, ...sizes]) {
      expect([path, bytes > 3_000]).toEqual([path, true]);
      expect([path, bytes, bytes <= FIRST_FLIGHT]).toEqual([path, bytes, true]);
    }
  });
});
