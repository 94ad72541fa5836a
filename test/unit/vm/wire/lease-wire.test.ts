import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { createLog } from "../../../../src/host/log.ts";
import { systemTimers } from "../../../../src/host/timers.ts";
import { LEASE_PORT, LeaseHttp, LeaseHttpError } from "../../../../src/requester/lease-http.ts";
import type { ProviderNews } from "../../../../src/requester/lease-transport.ts";
import {
  MAX_SIGNED_REQUEST_BYTES,
  signLeaseCommand,
  signLeaseRequest,
} from "../../../../src/vm/request/index.ts";
import { LeaseDesk, LeaseServer } from "../../../../src/vm/wire/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { leaseId } from "../leases/store-stand.ts";
import { eventually, lending } from "../lending/played-ground.ts";
import { fixedRequest, hex, requester } from "../request/fixed-request.ts";

const scratch = scratchFolders();
const ID = leaseId(1);
const request = () =>
  fixedRequest({
    id: ID,
    network: undefined,
    image: "small",
    resources: { ...fixedRequest().resources, diskMiB: 0 },
  });
const log = createLog({ level: "error", destination: { write: () => undefined } });

describe("a box that is asked by HTTP", () => {
  let stand: ReturnType<typeof lending>;
  let server: LeaseServer;
  let way: LeaseHttp;
  let port = 0;
  const serve = (at: number) => {
    const { lender } = stand;
    const desk = new LeaseDesk({
      ...{ lender, timers: systemTimers, randomBytes },
      memberships: { list: () => [] },
    });
    server = new LeaseServer({ desk, log, listen: [{ address: "127.0.0.1", port: at }] });
    server.start();
    [port = 0] = server.ports;
  };
  beforeEach(async () => {
    stand = lending(scratch());
    await stand.lender.start();
    serve(0);
    way = new LeaseHttp(`127.0.0.1:${port}`, log);
  });
  afterEach(async () => {
    await server.stop();
    await stand.lender.stop();
    stand.store.close();
    stand.journal.close();
  });
  const command = (serial: number) =>
    signLeaseCommand({ requester: hex(requester.publicKey), serial, kind: "release", lease: ID }, requester);

  test("answers requests and commands, and tells of the lease step by step to its end", async () => {
    const told: ProviderNews[] = [];
    const stop = way.events(ID, (news) => told.push(news));
    // The stream stands before there is such a lease.
    expect(await way.request(signLeaseRequest(request(), requester))).toMatchObject({ is: "admitted" });
    await eventually("it runs", () => told.some(({ is }) => is === "running"));
    const { createdAt } = request();
    expect(await way.command(command(createdAt + 1))).toEqual({ is: "done" });
    await eventually("its end", () => told.at(-1)?.is === "ended");
    expect(told.at(-1)).toMatchObject({ is: "ended", outcome: "released" });
    stop();
    await eventually("nothing of it is left", () => stand.lender.live().length === 0);
    expect(await way.command(command(createdAt + 2))).toEqual({ is: "unknown" });
  });

  test("tells how a lease stands to who comes later, and again after the box was away", async () => {
    await way.request(signLeaseRequest(request(), requester));
    await eventually("it is kept", () => stand.lender.live().length === 1);
    const told: ProviderNews[] = [];
    const stop = way.events(ID, (news) => told.push(news));
    await eventually("it runs", () => told.at(-1)?.is === "running");
    await server.stop();
    told.length = 0;
    serve(port);
    await eventually("it is told again", () => told.at(-1)?.is === "running");
    stop();
  });

  test("says to who sends no command what is wrong with it, and takes no more than it must", async () => {
    expect(await way.command(new Uint8Array([1]))).toMatchObject({ is: "refused" });
    expect(await way.request(new Uint8Array(MAX_SIGNED_REQUEST_BYTES))).toMatchObject({ is: "refused" });
    const large = way.request(new Uint8Array(MAX_SIGNED_REQUEST_BYTES + 1));
    expect(await large.catch((error: unknown) => error)).toBeInstanceOf(LeaseHttpError);
    expect((await fetch(`http://127.0.0.1:${port}/v1/leases/../../etc/passwd/events`)).status).toBe(404);
  });

  test("takes so many from one address and no more at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        fetch(`http://127.0.0.1:${port}/v1/none`).then(({ status }) => status),
      ),
    );
    expect(answers.filter((status) => status === 429).length).toBeGreaterThan(10);
    expect(answers).toContain(404);
  });
});

test("where nobody answers it is said at what address", async () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = taken;
  taken.stop(true);
  const asked = new LeaseHttp(`127.0.0.1:${port}`, log).request(new Uint8Array([1]));
  await expect(asked).rejects.toThrow(`nobody answers at 127.0.0.1:${port} (`);
});

test.each([
  ["192.0.2.1", `http://192.0.2.1:${LEASE_PORT}/`],
  ["192.0.2.1:80", "http://192.0.2.1/"],
  ["2001:db8::1", `http://[2001:db8::1]:${LEASE_PORT}/`],
  ["[2001:db8::1]:4000", "http://[2001:db8::1]:4000/"],
  ["box.example", `http://box.example:${LEASE_PORT}/`],
])("%s is asked at %s", (provider, url) => {
  expect(String(new LeaseHttp(provider, log).base)).toBe(url);
});

test.each(["", "a b", "192.0.2.1/x", "user@192.0.2.1", "192.0.2.1?x", "192.0.2.1:99999"])(
  "%p is no provider",
  (provider) => {
    expect(() => new LeaseHttp(provider, log)).toThrow(LeaseHttpError);
  },
);
