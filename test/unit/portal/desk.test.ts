import { afterEach, describe, expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Server } from "bun";
import { serveSocket } from "../../../src/host/socket-server.ts";
import { DeskClient, DeskError } from "../../../src/portal/desk-client.ts";
import { GuestDirectory } from "../../../src/portal/guest-directory.ts";
import { scratchFolders } from "../scratch.ts";
import { gatewayWithDesk, STATION } from "./desk-gateway.ts";
import { FACTS } from "./facts.ts";
import { until } from "./until.ts";

const scratch = scratchFolders();
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A gateway, its desk and a client of it, all of which end with the test. */
async function desk() {
  const made = await gatewayWithDesk(scratch());
  let server: Server<undefined> = made.serve();
  ends.push(
    () => made.journal.close(),
    () => made.gateway.stop(),
    () => server.stop(true),
  );
  const goAway = () => server.stop(true);
  const comeBack = () => {
    server = made.serve();
  };
  return { ...made, client: new DeskClient(made.socket), goAway, comeBack };
}

function following(client: DeskClient): GuestDirectory {
  const directory = new GuestDirectory(client);
  void directory.follow();
  ends.push(() => directory.stop());
  return directory;
}

const reasonOf = (error: unknown) => (error instanceof DeskError ? error.reason : String(error));

describe("the desk over its socket", () => {
  test("answers for a guest, from its first view to its leaving", async () => {
    const { client } = await desk();
    expect(await client.view(STATION.ipv4)).toEqual({
      state: "new",
      armed: true,
      secondsLeft: 0,
      station: STATION.mac,
    });
    expect(await client.shown(STATION.ipv4)).toMatchObject({ state: "shown" });
    expect(await client.agree(STATION.ipv4, "sw")).toEqual({
      state: "released",
      armed: false,
      secondsLeft: 86_400,
      station: STATION.mac,
    });
    expect(await client.view(STATION.ipv4)).toMatchObject({ state: "released" });
    expect(await client.leave(STATION.ipv4)).toMatchObject({ state: "expired" });
  });

  test("says why it cannot answer", async () => {
    const { client, gateway } = await desk();
    expect(await client.view("10.20.9.9").catch(reasonOf)).toBe("unknown-station");
    gateway.sessions.meet = () => undefined;
    expect(await client.view(STATION.ipv4).catch(reasonOf)).toBe("full");
  });

  test("takes nothing but addresses and languages", async () => {
    const { client, gateway } = await desk();
    for (const address of ["", "nonsense", "10.20.0.16 ", "10.20.0", "10.20.0.16/32", "x".repeat(10_000)]) {
      expect(await client.view(address).catch(reasonOf)).toBe("unreachable");
    }
    for (const language of ["", "EN", "english", "e", "en-GB", "<b>"]) {
      expect(await client.agree(STATION.ipv4, language).catch(reasonOf)).toBe("unreachable");
    }
    expect(gateway.sessions.size).toBe(0);
  });

  test("can do four things and no other", async () => {
    const { socket } = await desk();
    const status = async (path: string, method: string) =>
      (await fetch(`http://desk${path}`, { unix: socket, method })).status;
    const query = `?address=${STATION.ipv4}`;
    expect(await status(`/guest${query}`, "DELETE")).toBe(404);
    expect(await status(`/guest/agree${query}&language=en`, "GET")).toBe(404);
    expect(await status("/sessions", "GET")).toBe(404);
    expect(await status(`/guest${query}&mac=02:00:00:00:00:01`, "GET")).toBe(400);
  });

  test("is unreachable for a client when the daemon is away, and there again after it", async () => {
    const { client, goAway, comeBack } = await desk();
    await goAway();
    expect(await client.view(STATION.ipv4).catch(reasonOf)).toBe("unreachable");
    comeBack();
    expect(await client.view(STATION.ipv4)).toMatchObject({ state: "new" });
  });

  test("says of an error of its own only that it failed", async () => {
    const { client, gateway } = await desk();
    gateway.view = () => Promise.reject(new Error("out of order"));
    expect(await client.view(STATION.ipv4).catch(reasonOf)).toBe("unreachable");
  });
});

describe("the desk's events", () => {
  test("begin with the state of the box, and go on with every guest that changes", async () => {
    const { client, gateway } = await desk();
    const events = client.events();
    expect((await events.next()).value).toEqual({ kind: "facts", facts: FACTS });
    await gateway.shown(STATION.ipv4);
    expect((await events.next()).value).toEqual({ kind: "guest", address: STATION.ipv4 });
    await events.return(undefined);
  });

  test("tell when the internet comes", async () => {
    const { client, backend } = await desk();
    const events = client.events();
    await events.next();
    backend.uplinkUsable = true;
    backend.events.uplink(true);
    expect((await events.next()).value).toEqual({ kind: "facts", facts: { ...FACTS, internet: true } });
    await events.return(undefined);
  });

  test("cost the daemon nothing any more once the listener is gone", async () => {
    const { client, gateway } = await desk();
    let listening = 0;
    const { onChange } = gateway.sessions;
    gateway.sessions.onChange = (listener) => {
      listening += 1;
      const end = onChange.call(gateway.sessions, listener);
      return () => {
        listening -= 1;
        end();
      };
    };
    const events = client.events();
    await events.next();
    expect(listening).toBe(1);
    await events.return(undefined);
    await until(() => listening === 0);
  });

  test("are not kept without end for a listener that does not read: it is cut off", async () => {
    const { gateway, socket } = await desk();
    let listening = 0;
    let heard = 0;
    const { onChange } = gateway.sessions;
    gateway.sessions.onChange = (listener) => {
      listening += 1;
      const end = onChange.call(gateway.sessions, (session) => {
        heard += 1;
        listener(session);
      });
      return () => {
        listening -= 1;
        end();
      };
    };
    const reader = connect(socket);
    reader.on("error", () => undefined);
    reader.pause();
    ends.push(() => void reader.destroy());
    reader.write("GET /events HTTP/1.1\r\nHost: desk\r\n\r\n");
    await until(() => listening === 1);
    const session = gateway.sessions.meet(STATION.mac, STATION.ipv4);
    if (!session) throw new Error("no room");
    for (let burst = 0; burst < 200 && listening > 0; burst += 1) {
      for (let change = 0; change < 500; change += 1) {
        gateway.sessions.dispatch(session, { kind: "joined", ipv4: STATION.ipv4 });
      }
      await Bun.sleep(1);
    }
    expect({ listening, heardAll: heard >= 100_000 }).toEqual({ listening: 0, heardAll: false });
  }, 20_000);
});

describe("the directory that follows a real desk", () => {
  test("knows of a guest what the daemon knows, soon after it has changed", async () => {
    const { client, gateway } = await desk();
    const directory = following(client);
    await until(() => directory.facts !== undefined);
    const remembers = async (state: string) => {
      while (directory.remembered(STATION.ipv4)?.state !== state) {
        await directory.at(STATION.ipv4);
        await Bun.sleep(1);
      }
    };
    await remembers("new");
    await gateway.shown(STATION.ipv4);
    await remembers("shown");
    await gateway.agree(STATION.ipv4, "en");
    await remembers("released");
    expect(await directory.at(STATION.ipv4)).toMatchObject({ state: "released" });
  });

  test("uses nothing old while the daemon is away, and follows it again once it is back", async () => {
    const { client, goAway, comeBack } = await desk();
    const directory = following(client);
    await until(() => directory.facts !== undefined);
    await directory.at(STATION.ipv4);
    const { version } = directory;
    await goAway();
    await until(() => directory.remembered(STATION.ipv4) === undefined);
    expect(await directory.at(STATION.ipv4).catch(reasonOf)).toBe("unreachable");
    expect(directory.facts).toEqual(FACTS);
    comeBack();
    await until(() => directory.version > version);
    expect(await directory.at(STATION.ipv4)).toMatchObject({ state: "new" });
  });
});

describe("a socket of the daemon's", () => {
  const answer = () => new Response("here");

  test("is open to its owner alone", async () => {
    const path = join(scratch(), "deep", "desk.sock");
    const server = serveSocket(path, answer);
    ends.push(() => server.stop(true));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("takes the place of what a killed daemon left", async () => {
    const path = join(scratch(), "desk.sock");
    writeFileSync(path, "left");
    const server = serveSocket(path, answer);
    ends.push(() => server.stop(true));
    expect(await (await fetch("http://desk/", { unix: path })).text()).toBe("here");
  });

  test("with a path that is too long is refused with a word on what to do", () => {
    const path = join(scratch(), "x".repeat(120), "desk.sock");
    expect(() => serveSocket(path, answer)).toThrow("choose another run folder");
  });
});
