import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Server } from "bun";
import { LANGUAGES } from "../../../portal/locales/index.ts";
import { guestApp } from "../../../src/portal/guest-app.ts";
import type { PortalFacts } from "../../../src/portal/index.ts";
import { FACTS, TALKATIVE } from "./facts.ts";
import { FakeDesk, followingDirectory } from "./fake-desk.ts";

/** What a first flight of TCP carries: 10 segments (RFC 6928), here as 14 KiB. */
const FIRST_FLIGHT = 14_336;

/** The bytes on the wire of one answer, status line and headers included. */
async function bytesOnTheWire(port: number, language: string): Promise<number> {
  let bytes = 0;
  let over = () => {};
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, chunk) {
        bytes += chunk.length;
      },
      close: () => over(),
    },
  });
  socket.write(
    `GET / HTTP/1.1\r\nHost: omerta.internal\r\nAccept-Language: ${language}\r\nConnection: close\r\n\r\n`,
  );
  await ended;
  return bytes;
}

const servers: Server<undefined>[] = [];

async function serve(facts: PortalFacts): Promise<number> {
  const desk = new FakeDesk();
  const app = guestApp(await followingDirectory(desk, facts), desk);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => app.fetch(request, { address: "10.20.0.16", secure: false }),
  });
  servers.push(server);
  return server.port ?? 0;
}

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop(true)));
});

describe("the first page with everything in it fits into one round trip", () => {
  const ports = { plain: 0, talkative: 0 };

  beforeAll(async () => {
    ports.plain = await serve(FACTS);
    ports.talkative = await serve(TALKATIVE);
  });

  test.each(LANGUAGES.map(({ code }) => [code]))("in %s, of a box that was told nothing", async (code) => {
    const bytes = await bytesOnTheWire(ports.plain, code);
    expect(bytes).toBeGreaterThan(4_000);
    expect(bytes).toBeLessThanOrEqual(FIRST_FLIGHT);
  });

  test.each(LANGUAGES.map(({ code }) => [code]))(
    "in %s, of an operator who has much to say",
    async (code) => {
      expect(await bytesOnTheWire(ports.talkative, code)).toBeLessThanOrEqual(FIRST_FLIGHT);
    },
  );
});
