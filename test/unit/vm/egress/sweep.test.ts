import { expect, test } from "bun:test";
import { leftoversIn } from "../../../../src/vm/egress/sweep.ts";
import { leaseNames } from "../../../../src/vm/guest-link.ts";

const LEASE = "00112233445566778899aabbccddeeff";

test("what is left of a machine is found by any one of its things", () => {
  const { namespace, tap, tunnel } = leaseNames(LEASE);
  for (const thing of [namespace, tap, tunnel]) {
    const [found, ...more] = leftoversIn(["lo", "eth0", thing]);
    expect(more).toEqual([]);
    expect(found?.namespace).toBe(namespace);
  }
});

test("a machine is found once", () => {
  const { namespace, tap, tunnel } = leaseNames(LEASE);
  expect(leftoversIn([namespace, tap, tunnel])).toHaveLength(1);
});

test("what is others' is left alone", () => {
  const others = [
    "omt-0011223344",
    "omt-try",
    "omvm-",
    "omvm-shared",
    "omt00112233zz",
    "omw001122334455",
    "xomt0011223344",
  ];
  expect(leftoversIn(others)).toEqual([]);
});
