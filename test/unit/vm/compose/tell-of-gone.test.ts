import { expect, test } from "bun:test";
import { tellOfGone } from "../../../../src/vm/compose/tell-of-gone.ts";
import { leaseNames } from "../../../../src/vm/guest-link.ts";

const ids = (digit: string) => digit.repeat(32);

test("whoever has a machine is told of its end when libvirt is back, the pool as well", () => {
  const told: string[] = [];
  const named = (name: string) => leaseNames(name).domain;
  // The second one's machine had waited for it: it goes by that one's name.
  const leases = [ids("1"), ids("2")].map((id) => ({ lease: { machine: { names: leaseNames(id) } } }));
  const owners = {
    lender: {
      leases: () => leases,
      onDomain: ({ name }: { name: string }) => void told.push(`lease ${name}`),
    },
    demos: {
      live: () => [{ id: ids("3") }, { id: ids("4") }],
      onDomainGone: (name: string) => void told.push(`demo ${name}`),
    },
    pool: {
      ids: [ids("5"), ids("6")],
      onDomain: ({ name, kind }: { name: string; kind: string }) => void told.push(`pool ${name} ${kind}`),
    },
  };
  tellOfGone(
    [ids("1"), ids("3"), ids("5")].map((id) => ({ name: named(id) })),
    owners,
  );
  expect(told).toEqual([
    `lease ${named(ids("2"))}`,
    `demo ${named(ids("4"))}`,
    `pool ${named(ids("6"))} stopped`,
  ]);
});
