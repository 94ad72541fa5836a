import { describe, expect, test } from "bun:test";
import { Memberships, memberKey, openDeviceKey, signingKey } from "../../../../src/identity/index.ts";
import { encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import type { Bundle } from "../../../../src/messages/bundle/bundle.ts";
import { makeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import { Trust, type TrustOptions } from "../../../../src/messages/desk/trust.ts";
import { FakeClock } from "../../fake-clock.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();

function box() {
  const folder = scratch();
  const device = openDeviceKey(folder, () => {});
  const memberships = new Memberships(folder, device, new FakeClock(), () => {});
  return { device, memberships };
}

function twoOfOneNetwork() {
  const [here, there] = [box(), box()];
  const own = here.memberships.found("Valley", "Market");
  const link = own.invite({ role: "box", uses: 0, expiresS: 0, peers: [] });
  const theirs = there.memberships.join(link, "School").membership;
  return { here, own, theirs };
}

const trustOf = (options: Partial<TrustOptions>) =>
  new Trust({
    ...{ membership: () => undefined, ownKeys: () => [], met: () => undefined, monotonicMs: () => 0 },
    ...options,
  });

function credentials(seed: Uint8Array, chain: Uint8Array): Bundle {
  const key = signingKey(seed);
  const body = encodeBody("credentials", { chain });
  const head = { kind: "credentials", priority: "direct", lifetimeS: 60, createdS: 0, sequence: 1 } as const;
  const sender = { as: "box", key: key.publicKey } as const;
  return makeBundle({ ...head, sender, to: { kind: "everyone" }, body }, (message) => key.sign(message));
}

describe("who signs", () => {
  test("is nobody that this box knows until certificates come, and then what they say", () => {
    const { own, theirs } = twoOfOneNetwork();
    const trust = trustOf({ membership: () => own });
    expect(trust.memberOf(theirs.publicKey)).toBeUndefined();
    expect(trust.speaksFor(theirs.publicKey)).toBe(false);
    expect(trust.take(credentials(theirs.seed, theirs.chain()))).toBe(true);
    expect(trust.memberOf(theirs.publicKey)).toMatchObject({ role: "box", name: "School" });
    expect(trust.speaksFor(theirs.publicKey)).toBe(true);
    expect(trust.nameOf(theirs.publicKey)).toBe("School");
  });

  test("is nobody by the certificates of somebody else, or of another network", () => {
    const { own, theirs } = twoOfOneNetwork();
    const other = twoOfOneNetwork();
    const trust = trustOf({ membership: () => own });
    const stranger = signingKey(new Uint8Array(32).fill(7));
    expect(trust.take(credentials(stranger.seed, theirs.chain()))).toBe(false);
    expect(trust.take(credentials(other.theirs.seed, other.theirs.chain()))).toBe(false);
    expect(trust.speaksFor(stranger.publicKey)).toBe(false);
    expect(trust.speaksFor(other.theirs.publicKey)).toBe(false);
  });

  test("is nobody any more once the network has put them out", () => {
    const { own, theirs } = twoOfOneNetwork();
    const trust = trustOf({ membership: () => own });
    trust.take(credentials(theirs.seed, theirs.chain()));
    own.revoke(theirs.publicKey, "out", "stolen");
    expect(trust.speaksFor(theirs.publicKey)).toBe(false);
  });

  test("is vouched for by the network's name, and seconds later no more where they were put out", () => {
    const { own, theirs } = twoOfOneNetwork();
    let nowMs = 0;
    const trust = trustOf({ membership: () => own, monotonicMs: () => nowMs });
    expect(trust.vouchedBy(theirs.publicKey)).toBeUndefined();
    trust.take(credentials(theirs.seed, theirs.chain()));
    expect(trust.vouchedBy(theirs.publicKey)).toBe("Valley");
    own.revoke(theirs.publicKey, "out", "stolen");
    nowMs += 10_000;
    expect(trust.vouchedBy(theirs.publicKey)).toBeUndefined();
  });

  test("is looked at once in a while, however many pages show them", () => {
    const { own, theirs } = twoOfOneNetwork();
    let checks = 0;
    const counted = {
      ...{ publicKey: own.publicKey, self: own.self, name: own.name },
      check: (chain: Uint8Array, key: Uint8Array) => {
        checks += 1;
        return own.check(chain, key);
      },
    };
    const trust = trustOf({ membership: () => counted });
    trust.take(credentials(theirs.seed, theirs.chain()));
    for (let page = 0; page < 100; page += 1) trust.vouchedBy(theirs.publicKey);
    expect(checks).toBe(2);
  });

  test("is known by the mesh without any bundle", () => {
    const { own, theirs } = twoOfOneNetwork();
    const met = () => ({ chain: theirs.chain(), name: "School yard" });
    const trust = trustOf({ membership: () => own, met });
    expect(trust.speaksFor(theirs.publicKey)).toBe(true);
    expect(trust.nameOf(theirs.publicKey)).toBe("School yard");
  });

  test("speaks for itself also where it is in no network", () => {
    const { here, own, theirs } = twoOfOneNetwork();
    const alone = memberKey(here.device, new Uint8Array(32)).publicKey;
    const trust = trustOf({ membership: () => own, ownKeys: () => [alone] });
    expect(trust.isOwn(alone)).toBe(true);
    expect(trust.isOwn(own.publicKey)).toBe(true);
    expect(trust.isOwn(theirs.publicKey)).toBe(false);
    expect(trustOf({ ownKeys: () => [alone] }).speaksFor(alone)).toBe(true);
  });
});
