import { describe, expect, test } from "bun:test";
import type { Membership } from "../../../../src/identity/index.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { Settling } from "../../../../src/mesh/network/settling.ts";
import { capturedLog } from "../../captured-log.ts";
import { inviteBy, openBox } from "../../identity/network.ts";
import { scratchFolders } from "../../scratch.ts";
import { FakeEngines } from "../fake-engine.ts";

const scratch = scratchFolders();

/** A founder and one who came by its invite, connected. */
function pair() {
  const engines = new FakeEngines();
  const founder = openBox(scratch()).memberships.found("Harbour");
  const { membership: member } = openBox(scratch()).memberships.join(inviteBy(founder));
  const settles = (membership: Membership) => {
    const engine = engines.engine(peerIdOf(membership.publicKey));
    const log = capturedLog();
    const settling = new Settling({ engine, membership, log: log.log });
    settling.serve();
    return { membership, engine, settling, log };
  };
  const [a, b] = [settles(founder), settles(member)];
  engines.connect(a.engine, b.engine);
  founder.noteAdmission(member.chain());
  return { engines, a, b };
}

describe("a member that came by an invite", () => {
  test("is given certificates that outlast it, once", async () => {
    const { engines, a, b } = pair();
    expect(b.membership.isSettled).toBe(false);
    const shown = b.membership.chain();
    await a.settling.offer(b.engine.peer, shown);
    await Bun.sleep(0);
    expect([b.membership.isSettled, b.membership.self.expiresAt]).toEqual([true, 0]);
    expect(b.log.lines.map(({ msg }) => msg)).toContain(
      "this box has got certificates that outlast its invite",
    );
    await a.settling.offer(b.engine.peer, shown);
    // What it has now needs nothing better.
    await a.settling.offer(b.engine.peer, b.membership.chain());
    expect(engines.frames).toHaveLength(1);
    expect([a.engine.openStreams, b.engine.openStreams]).toEqual([0, 0]);
  });

  test("and comes by another one later is given such again", async () => {
    const { engines, a, b } = pair();
    const given: string[] = [];
    const settling = new Settling({
      engine: a.engine,
      membership: {
        settle: (chain) => {
          given.push(Buffer.from(chain).toString());
          return chain;
        },
        take: () => false,
      },
      log: a.log.log,
    });
    for (const chain of ["first", "first", "second", "second"]) {
      await settling.offer(b.engine.peer, Buffer.from(chain));
      await Bun.sleep(0);
    }
    expect(given).toEqual(["first", "second"]);
    expect(engines.frames).toHaveLength(2);
  });

  test("that was not there is offered it the next time", async () => {
    const { engines, a, b } = pair();
    await b.engine.close("connection 1");
    await a.engine.close("connection 1");
    await a.settling.offer(b.engine.peer, b.membership.chain());
    expect(engines.frames).toHaveLength(0);
    engines.connect(a.engine, b.engine);
    await a.settling.offer(b.engine.peer, b.membership.chain());
    expect(engines.frames).toHaveLength(1);
  });

  test("gets nothing from a box that may not give it, nor from one that has not seen it come", async () => {
    const { engines, a, b } = pair();
    await b.settling.offer(a.engine.peer, a.membership.chain());
    const unseen = openBox(scratch()).memberships.join(inviteBy(a.membership)).membership;
    await a.settling.offer("x", unseen.chain());
    await a.settling.offer("x", Buffer.from("nonsense"));
    expect(engines.frames).toHaveLength(0);
  });
});

test("certificates that are somebody else's, or none, change nothing", async () => {
  const { a, b } = pair();
  const before = b.membership.chain();
  for (const chain of [a.membership.chain(), Buffer.from("nonsense"), new Uint8Array(0)]) {
    const stream = await a.engine.open(b.engine.peer, "/omerta/settle/1");
    await stream.send(chain);
    await Bun.sleep(0);
  }
  expect(b.membership.chain()).toEqual(before);
});
