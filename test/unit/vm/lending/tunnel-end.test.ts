import { afterEach, describe, expect, test } from "bun:test";
import { wireguardKeyProblem } from "../../../../src/vm/request/tunnel-fields.ts";
import { scratchFolders } from "../../scratch.ts";
import { idOf, member } from "../admission/fixed-case.ts";
import { fixedRequest } from "../request/fixed-request.ts";
import { Asker } from "./asker.ts";
import { eventually, lending } from "./played-ground.ts";

const scratch = scratchFolders();
const THEIRS = fixedRequest().tunnel.publicKey;

describe("The box's end of a lease's tunnel", () => {
  let stand: ReturnType<typeof lending>;
  afterEach(async () => {
    await stand.lender.stop();
    stand.store.close();
    stand.journal.close();
  });
  async function lent() {
    stand = lending(scratch());
    await stand.lender.start();
    const asker = new Asker(1);
    await stand.lender.request(asker.asks(1), member);
    return { ...stand, asker };
  }

  test("is had with its requester's key alone, and is pointed by the egress", async () => {
    const { lender, played } = await lent();
    expect(await lender.tunnelEnd(idOf(2), THEIRS)).toBeUndefined();
    expect(await lender.tunnelEnd(idOf(1), Buffer.alloc(32, 5).toString("base64"))).toBeUndefined();
    const end = await lender.tunnelEnd(idOf(1), THEIRS);
    if (!end) throw new Error("there is none");
    expect(end).toMatchObject({ peerKey: THEIRS, listenPort: 24_700 });
    expect(wireguardKeyProblem(end.publicKey)).toBeUndefined();
    expect(end.name).toStartWith("omw");
    // As long as the lease may last, and some more: its end is told.
    expect(end.lifetimeMs).toBeGreaterThan(fixedRequest().durationS * 1_000);
    await end.setPeer({ publicKey: THEIRS, fresh: false, endpoint: { address: "192.0.2.7", port: 4_000 } });
    expect((await end.stir())?.peer?.receivedBytes).toBeGreaterThan(0);
    expect(await end.status()).toBeDefined();
    expect(played.calls).toContain("point");
    expect(played.calls).toContain("stir");
  });

  test("is none of a lease that is over", async () => {
    const { lender, asker } = await lent();
    await lender.command(asker.releases(1));
    await eventually("it is gone", () => lender.live().length === 0);
    expect(await lender.tunnelEnd(idOf(1), THEIRS)).toBeUndefined();
  });
});
