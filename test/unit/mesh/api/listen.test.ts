import { afterEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { serveSocket } from "../../../../src/host/socket-server.ts";
import { meshApi } from "../../../../src/mesh/api/mesh-api.ts";
import { scratchFolders } from "../../scratch.ts";
import { until } from "../engine/engine-network.ts";
import { FakeControl } from "./fake-control.ts";

const scratch = scratchFolders();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** The API on a real Unix socket. */
function served() {
  const mesh = new FakeControl();
  const socket = join(scratch(), "mesh.sock");
  const app = meshApi(mesh);
  const server = serveSocket(socket, (request) => app.fetch(request), undefined, 0);
  ends.push(() => void server.stop(true));
  return { mesh, socket };
}

/** Listens, and reads what comes line by line. */
async function listener(socket: string, query: string) {
  const leave = new AbortController();
  const response = await fetch(`http://box/v1/listen?${query}`, { unix: socket, signal: leave.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  const line = async (): Promise<unknown> => {
    for (;;) {
      const at = rest.indexOf("\n");
      if (at >= 0) {
        const found = rest.slice(0, at);
        rest = rest.slice(at + 1);
        return JSON.parse(found);
      }
      const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
      if (done) throw new Error("it ended");
      rest += value;
    }
  };
  return { response, line, leave: () => leave.abort() };
}

/** One that asks for messages and reads nothing. */
function slowListener(socket: string): Promise<Socket> {
  return new Promise((resolve) => {
    const client = connect(socket, () => {
      client.pause();
      client.write("GET /v1/listen?topic=news HTTP/1.1\r\nhost: box\r\n\r\n", () => resolve(client));
    });
  });
}

const body = (text: string) => Buffer.from(text).toString("base64");

test("who listens is told first that nothing is missed from there on, and then each message on a line", async () => {
  const { mesh, socket } = served();
  const { response, line } = await listener(socket, "channel=weather");
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  expect(await line()).toEqual({ listening: true });
  mesh.say("x-weather", "rain");
  mesh.say("x-weather", "wind\nand more");
  expect(await line()).toEqual({ from: "12D3KooWfar", body: body("rain") });
  expect(await line()).toEqual({ from: "12D3KooWfar", body: body("wind\nand more") });
  expect(mesh.asked).toEqual([["listen", { network: "", channel: "x-weather" }]]);
});

test("many listen at once, each to its own", async () => {
  const { mesh, socket } = served();
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, index) => listener(socket, `topic=t${index % 2}`)),
  );
  for (const { line } of all) await line();
  mesh.say("x-t0", "even");
  mesh.say("x-t1", "odd");
  for (const [index, { line }] of all.entries())
    expect(await line()).toMatchObject({ body: body(index % 2 === 0 ? "even" : "odd") });
});

test("when the one who listens has gone, nothing is left of it", async () => {
  const { mesh, socket } = served();
  for (let round = 0; round < 3; round += 1) {
    const all = await Promise.all(Array.from({ length: 10 }, () => listener(socket, "topic=news")));
    for (const { line } of all) await line();
    expect(mesh.listening).toBe(10);
    if (round === 1) mesh.say("x-news", "on its way");
    for (const { leave } of all) leave();
    await until(() => mesh.listening === 0);
  }
});

test("one that reads nothing holds up nobody, costs a bounded number of messages, and gets the latest", async () => {
  const { mesh, socket } = served();
  const slow = await slowListener(socket);
  const { line } = await listener(socket, "topic=news");
  await line();
  await until(() => mesh.listening === 2);
  const filler = "x".repeat(30_000);
  const COUNT = 3_000;
  for (let number = 0; number < COUNT; number += 1) {
    mesh.say("x-news", `${number} ${filler}`);
    expect(await line()).toMatchObject({ from: "12D3KooWfar" });
  }
  let lines = 0;
  let last = "";
  slow.on("data", (chunk) => {
    const text = chunk.toString("latin1");
    lines += text.split("\n{").length - 1;
    last = (last + text).slice(-60_000);
  });
  slow.resume();
  await until(() => last.includes(body(`${COUNT - 1} ${filler}`).slice(0, 40)));
  // Those that waited, and what fits into the buffers on the way.
  expect(lines).toBeGreaterThan(200);
  expect(lines).toBeLessThan(400);
  slow.destroy();
  await until(() => mesh.listening === 1);
});

test("one that reads nothing and then goes leaves nothing behind either", async () => {
  const { mesh, socket } = served();
  const slow = await slowListener(socket);
  await until(() => mesh.listening === 1);
  for (let number = 0; number < 200; number += 1) mesh.say("x-news", "x".repeat(30_000));
  await Bun.sleep(20);
  slow.destroy();
  await until(() => mesh.listening === 0);
});
