import { afterEach, describe, expect, test } from "bun:test";
import { portalAnswers } from "../../../src/update/portal-answers.ts";

const NAME = "omerta.internal";

describe("whether the portal answers", () => {
  const servers: ReturnType<typeof Bun.serve>[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop(true);
  });
  /** A portal that leads whoever calls it by another name to its own, as ours does. */
  const portal = (status: number, hostname = "127.0.0.1") => {
    const server = Bun.serve({
      ...{ port: 0, hostname },
      fetch: (request) =>
        new URL(request.url).hostname === NAME
          ? new Response("page", { status })
          : new Response("wrong name", { status: 404 }),
    });
    servers.push(server);
    return { address: hostname, port: server.port ?? 0 };
  };
  const nothing = { address: "127.0.0.1", port: 1 };

  test("is seen where it listens, by the guests' name, which the box's own resolver does not know", async () => {
    expect(await portalAnswers([portal(200)], NAME)).toBe(true);
    expect(await portalAnswers([portal(303)], NAME)).toBe(true);
    expect(await portalAnswers([portal(200)], "another.name")).toBe(false);
  });

  test("takes one of its addresses, whichever that is", async () => {
    expect(await portalAnswers([nothing, portal(200)], NAME)).toBe(true);
    expect(await portalAnswers([{ address: "::1", port: 1 }, portal(200)], NAME)).toBe(true);
  });

  test("is no where nothing listens, or what listens has only errors", async () => {
    expect(await portalAnswers([], NAME)).toBe(false);
    expect(await portalAnswers([nothing], NAME)).toBe(false);
    expect(await portalAnswers([portal(500)], NAME)).toBe(false);
  });
});
