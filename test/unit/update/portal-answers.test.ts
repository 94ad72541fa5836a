import { afterEach, describe, expect, test } from "bun:test";
import { portalAnswers } from "../../../src/update/portal-answers.ts";

const NAME = "omerta.internal";
const PATH = "/well";

describe("whether the portal answers", () => {
  const servers: ReturnType<typeof Bun.serve>[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop(true);
  });
  /** A portal that leads whoever calls it by another name to its own, as ours does. */
  const portal = (status: number, hostname = "127.0.0.1") => {
    const server = Bun.serve({
      ...{ port: 0, hostname },
      fetch: ({ url }) =>
        new URL(url).hostname === NAME && new URL(url).pathname === PATH
          ? new Response("page", { status })
          : new Response("wrong name", { status: 404 }),
    });
    servers.push(server);
    return { address: hostname, port: server.port ?? 0 };
  };
  const nothing = { address: "127.0.0.1", port: 1 };

  test("is seen where it listens, by the guests' name, which the box's own resolver does not know", async () => {
    expect(await portalAnswers({ listens: [portal(200)], name: NAME, path: PATH })).toBe(true);
    expect(await portalAnswers({ listens: [portal(200)], name: "another.name", path: PATH })).toBe(false);
  });

  test("takes one of its addresses, whichever that is", async () => {
    expect(await portalAnswers({ listens: [nothing, portal(200)], name: NAME, path: PATH })).toBe(true);
    expect(
      await portalAnswers({ listens: [{ address: "::1", port: 1 }, portal(200)], name: NAME, path: PATH }),
    ).toBe(true);
  });

  test("is no where nothing listens, or what listens has has no page", async () => {
    expect(await portalAnswers({ listens: [], name: NAME, path: PATH })).toBe(false);
    expect(await portalAnswers({ listens: [nothing], name: NAME, path: PATH })).toBe(false);
    for (const status of [303, 404, 500, 503])
      expect(await portalAnswers({ listens: [portal(status)], name: NAME, path: PATH })).toBe(false);
  });
});
