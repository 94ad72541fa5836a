import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { type AgentDesk, AgentError, agentApp } from "../../../../src/requester/agent/agent-app.ts";
import { agentLine, agentWish, MAX_ASKED_BYTES } from "../../../../src/requester/agent/agent-wire.ts";
import { LineReader, LongLineError } from "../../../../src/requester/agent/line-reader.ts";

// Hundreds of requests take what they take on a busy machine.
setDefaultTimeout(60_000);

const WISH = {
  resources: { cpus: 1, memoryMiB: 256, diskMiB: 0 },
  ...{ durationS: 600, image: "small", activity: "to try it", acceptsInspection: false, isHeld: false },
};

/** A desk that counts what reaches it, and has nothing. */
function desk() {
  const reached = { wishes: 0, underWay: 0 };
  const unknown = () => {
    throw new AgentError("there is none", "unknown");
  };
  const played: AgentDesk = {
    list: async () => ({ leases: [] }),
    request: async (wish) => {
      agentWish.parse(wish);
      reached.wishes += 1;
      return unknown();
    },
    find: async () => unknown(),
    follow: unknown,
    release: unknown,
    save: async () => unknown(),
    access: unknown,
    proxy: unknown,
    busy: () => {
      reached.underWay += 1;
      return () => {
        reached.underWay -= 1;
      };
    },
  };
  return { reached, app: agentApp(played, new VirtualTime()) };
}

describe("The agent's socket", () => {
  test("takes a wish", async () => {
    const { app, reached } = desk();
    const answer = await app.request("/v1/leases", { method: "POST", body: JSON.stringify(WISH) });
    expect([answer.status, reached.wishes]).toEqual([404, 1]);
  });

  test("takes nothing else for one, whatever comes, and goes on", async () => {
    const { app, reached } = desk();
    const fields = fc.record(
      {
        resources: fc.oneof(fc.constant(WISH.resources), fc.anything()),
        durationS: fc.oneof(fc.integer(), fc.double(), fc.string()),
        image: fc.oneof(fc.string({ maxLength: 5_000 }), fc.anything()),
        activity: fc.anything(),
        extra: fc.anything(),
      },
      { requiredKeys: ["extra"] },
    );
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 500 }),
      fc.json(),
      fields.map((one) => JSON.stringify({ ...WISH, ...one, extra: one.extra ?? null })),
    );
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const sent = typeof body === "string" ? body : Uint8Array.from(body);
        const { status } = await app.request("/v1/leases", { method: "POST", body: sent });
        expect(status).toBe(400);
      }),
      { numRuns: 300 },
    );
    expect(reached).toEqual({ wishes: 0, underWay: 0 });
  });

  test("takes no more than a wish can have", async () => {
    const { app } = desk();
    const body = JSON.stringify({ ...WISH, activity: "x".repeat(MAX_ASKED_BYTES) });
    expect((await app.request("/v1/leases", { method: "POST", body })).status).toBe(413);
  });

  test("answers no path that it does not have", async () => {
    const { app, reached } = desk();
    await fc.assert(
      fc.asyncProperty(fc.webPath(), fc.constantFrom("GET", "POST", "DELETE"), async (path, method) => {
        const { status } = await app.request(`/v1/leases/${path}`, { method });
        expect([400, 404]).toContain(status);
      }),
    );
    expect(reached.underWay).toBe(0);
  });

  test.each(["0", "65536", "x", "1.5"])("port %p is none", async (port) => {
    const { app } = desk();
    expect((await app.request(`/v1/leases/00/proxy?port=${port}`)).status).toBe(400);
  });
});

describe("Lines from the agent", () => {
  const lines = fc.array(fc.string({ minLength: 1, maxLength: 40 }).map((text) => text.replaceAll("\n", "")));

  test("are found however they are cut", () => {
    fc.assert(
      fc.property(lines, fc.array(fc.integer({ min: 1, max: 20 })), (sent, cuts) => {
        const bytes = new TextEncoder().encode(sent.map((line) => `${line}\n`).join(""));
        const reader = new LineReader(100);
        const found: string[] = [];
        let at = 0;
        for (const size of [...cuts, bytes.length]) {
          found.push(...reader.take(bytes.subarray(at, at + size)));
          at = Math.min(at + size, bytes.length);
        }
        expect(found).toEqual(sent.filter((line) => line !== "").map((line) => line.toWellFormed()));
      }),
    );
  });

  test("that do not end are not kept", () => {
    const reader = new LineReader(100);
    reader.take(new Uint8Array(100).fill(0x61));
    expect(() => reader.take(new Uint8Array(1).fill(0x61))).toThrow(LongLineError);
    expect(() => new LineReader(100).take(new TextEncoder().encode(`${"a".repeat(101)}\n`))).toThrow(
      LongLineError,
    );
  });

  test("are understood or refused, never anything else", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const { data, error } = agentLine.safeParse(value);
        expect((data === undefined) !== (error === undefined)).toBe(true);
      }),
    );
  });
});
