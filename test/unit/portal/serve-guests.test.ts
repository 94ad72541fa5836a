import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import type { Server } from "bun";
import { run } from "../../../src/host/run.ts";
import { serveGuests } from "../../../src/portal/serve-guests.ts";
import { serveTlsFront, type TlsMaterial } from "../../../src/portal/tls-front.ts";
import { describeNeeding } from "../../needs.ts";
import { scratchFolders } from "../scratch.ts";
import { gatewayWithDesk } from "./desk-gateway.ts";

const scratch = scratchFolders();

/** A port that is free now. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** Sends bytes as they are. @returns all that came back until the connection ended */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (part) => {
      text += part;
    });
    socket.on("close", () => resolve(text));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNRESET" ? undefined : reject(error),
    );
    socket.write(bytes);
  });
}

const LOOPBACK_STATION = { mac: "02:00:00:00:00:0a", ipv4: "127.0.0.1" };
const OTHER_STATION = { mac: "02:00:00:00:00:0b", ipv4: "10.20.0.99" };

describe("the guests' web server", () => {
  let port = 0;
  let tlsSocket = "";
  let made: Awaited<ReturnType<typeof gatewayWithDesk>>;
  let desk: Server<undefined>;
  let server: ReturnType<typeof serveGuests>;

  beforeAll(async () => {
    const folder = scratch();
    made = await gatewayWithDesk(folder);
    desk = made.serve();
    for (const station of [LOOPBACK_STATION, OTHER_STATION]) made.backend.stations.set(station.ipv4, station);
    await made.gateway.agree(OTHER_STATION.ipv4, "en");
    port = freePort();
    tlsSocket = join(folder, "tls.sock");
    server = serveGuests({ desk: made.socket, listens: [{ address: "127.0.0.1", port }], tlsSocket });
    while (!(await fetch(`http://127.0.0.1:${port}/`, { headers: { host: "omerta.internal" } })).ok)
      await Bun.sleep(5);
  });

  afterAll(async () => {
    await server.stop();
    await desk.stop(true);
    await made.gateway.stop();
    made.journal.close();
  });

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { host: "omerta.internal", ...headers },
      redirect: "manual",
    });

  test("knows a guest by its connection, and believes no header about that", async () => {
    const forged = { "x-omerta-peer": OTHER_STATION.ipv4, "x-forwarded-for": OTHER_STATION.ipv4 };
    expect(await (await get("/", forged)).text()).toContain('action="/agree"');
    expect((await get("/on", forged)).status).toBe(303);
  });

  test("believes the TLS front on its private socket, which is closed to others", async () => {
    const answer = await fetch("http://omerta.internal/on", {
      unix: tlsSocket,
      headers: { "x-omerta-peer": OTHER_STATION.ipv4 },
      redirect: "manual",
    });
    expect(answer.status).toBe(200);
    expect(statSync(tlsSocket).mode & 0o007).toBe(0);
  });

  test("answers HEAD with the headers of GET and no body", async () => {
    const answer = await raw(port, "HEAD / HTTP/1.1\r\nHost: omerta.internal\r\nConnection: close\r\n\r\n");
    const [head, body] = answer.split("\r\n\r\n");
    expect(head).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(head?.toLowerCase()).toContain("content-type: text/html");
    expect(body).toBe("");
  });

  test("does not say what it is made of", async () => {
    const { headers } = await get("/");
    expect([headers.get("server"), headers.get("x-powered-by")]).toEqual([null, null]);
  });

  test.each([
    ["a request that is none", "nonsense\r\n\r\n"],
    ["a request without a host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ["a request of HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"],
    [
      "two lengths",
      "POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
    [
      "a length and chunks",
      "POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a negative length", "POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nContent-Length: -1\r\n\r\n"],
    [
      "a header bomb",
      `GET / HTTP/1.1\r\nHost: omerta.internal\r\n${"X: y\r\n".repeat(20_000)}Connection: close\r\n\r\n`,
    ],
    [
      "one long header",
      `GET / HTTP/1.1\r\nHost: omerta.internal\r\nX: ${"y".repeat(200_000)}\r\nConnection: close\r\n\r\n`,
    ],
    [
      "a long path",
      `GET /${"a".repeat(60_000)} HTTP/1.1\r\nHost: omerta.internal\r\nConnection: close\r\n\r\n`,
    ],
    ["NUL bytes", "GET /\0 HTTP/1.1\r\nHost: omerta.internal\0\r\nConnection: close\r\n\r\n"],
    [
      "an absolute address",
      "GET http://evil.example/ HTTP/1.1\r\nHost: omerta.internal\r\nConnection: close\r\n\r\n",
    ],
    ["a host that is none", "GET / HTTP/1.1\r\nHost: a b<c>\r\nConnection: close\r\n\r\n"],
    ["CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"],
    [
      "an upgrade",
      "GET / HTTP/1.1\r\nHost: omerta.internal\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ],
  ])(
    "survives %s, and serves the next guest",
    async (_, bytes) => {
      const answer = await Promise.race([
        raw(port, bytes),
        Bun.sleep(3_000).then(() => "HTTP/1.1 000 nothing"),
      ]);
      expect(answer === "" || /^HTTP\/1\.[01] \d{3}/.test(answer)).toBe(true);
      expect(answer).not.toStartWith("HTTP/1.1 500");
      expect((await get("/")).status).toBe(200);
    },
    10_000,
  );

  test("refuses a body that is far too large before it has read it", async () => {
    const head =
      "POST /agree HTTP/1.1\r\nHost: omerta.internal\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    const answer = await raw(
      port,
      `${head}Content-Length: 100000000\r\nConnection: close\r\n\r\n${"x".repeat(1_000)}`,
    );
    expect(answer).toStartWith("HTTP/1.1 413");
  });

  test("walks a guest through over real connections", async () => {
    const page = await (await get("/?lang=es")).text();
    const token = /name="token" value="([^"]*)"/.exec(page)?.[1] ?? "";
    const answer = await fetch(`http://127.0.0.1:${port}/agree`, {
      method: "POST",
      headers: { host: "omerta.internal", "content-type": "application/x-www-form-urlencoded" },
      body: `token=${token}&lang=es`,
      redirect: "manual",
    });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/on?lang=es"]);
    expect(made.backend.kernel.has(LOOPBACK_STATION.mac)).toBe(true);
    const probe = await get("/generate_204", { host: "connectivitycheck.gstatic.com" });
    expect(probe.status).toBe(204);
  });
});

describeNeeding(["program:openssl"], "the process that holds the certificate's key", () => {
  let port = 0;
  let front: ReturnType<typeof serveTlsFront>;
  let portal: Server<undefined> | undefined;
  let socket = "";
  let tls: TlsMaterial = { cert: "", key: "" };
  const seen: { peer: string | null; host: string | null; method: string; body: string }[] = [];

  const servePortal = () =>
    Bun.serve({
      unix: socket,
      async fetch(request) {
        const { headers, method } = request;
        seen.push({
          peer: headers.get("x-omerta-peer"),
          host: headers.get("host"),
          method,
          body: await request.text(),
        });
        return new Response("from the portal", { status: 303, headers: { Location: "/on" } });
      },
    });

  beforeAll(async () => {
    const folder = scratch();
    const [certificateFile, keyFile] = [join(folder, "c.pem"), join(folder, "k.pem")];
    await run([
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-subj", "/CN=box.example", "-addext", "subjectAltName=DNS:box.example", "-days", "10"],
      ...["-keyout", keyFile, "-out", certificateFile],
    ]);
    tls = { cert: readFileSync(certificateFile, "utf8"), key: readFileSync(keyFile, "utf8") };
    socket = join(folder, "tls.sock");
    portal = servePortal();
    port = freePort();
    front = serveTlsFront({
      listens: [{ address: "127.0.0.1", port }],
      tls,
      portalSocket: socket,
    });
  });

  afterAll(async () => {
    await front.stop();
    await portal?.stop(true);
  });

  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`https://127.0.0.1:${port}${path}`, {
      ...init,
      headers: { host: "box.example", ...init.headers },
      redirect: "manual",
      tls: { rejectUnauthorized: false },
    });

  test("hands on what it decrypts, and the answer back as it is", async () => {
    const answer = await ask("/agree?lang=en", { method: "POST", body: "token=x" });
    expect([answer.status, answer.headers.get("location"), await answer.text()]).toEqual([
      303,
      "/on",
      "from the portal",
    ]);
    expect(seen.at(-1)).toEqual({ peer: "127.0.0.1", host: "box.example", method: "POST", body: "token=x" });
  });

  test("names the peer itself, whatever the guest claims", async () => {
    await ask("/", { headers: { "X-Omerta-Peer": "10.20.0.99", "x-forwarded-for": "10.20.0.99" } });
    expect(seen.at(-1)?.peer).toBe("127.0.0.1");
  });

  test("says that it is a moment when the portal is away", async () => {
    await portal?.stop(true);
    const answer = await ask("/");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "3"]);
    portal = servePortal();
    expect((await ask("/")).status).toBe(303);
  });

  test("is given certificate and key on its standard input, and no file", async () => {
    const own = freePort();
    const cli = resolve(import.meta.dir, "../../../src/cli/main.ts");
    const child = Bun.spawn(
      [process.execPath, cli, "tls-front", "--portal-socket", socket, "--listen", `127.0.0.1:${own}`],
      { stdin: new TextEncoder().encode(JSON.stringify(tls)), stdout: "ignore", stderr: "ignore" },
    );
    const answers = () =>
      fetch(`https://127.0.0.1:${own}/`, { redirect: "manual", tls: { rejectUnauthorized: false } }).then(
        ({ status }) => status,
        () => 0,
      );
    let status = 0;
    while (status === 0 && child.exitCode === null) {
      status = await answers();
      await Bun.sleep(10);
    }
    child.kill();
    await child.exited;
    expect(status).toBe(303);
  }, 20_000);
});
