import { describe, expect, test } from "bun:test";
import { type OwnMachine, whoseMachine } from "../../../../src/vm/held/index.ts";

const lease = "0123456789abcdef0123456789abcdef";
const own: OwnMachine[] = [
  { domain: "omvm-0123456789", of: "lease", id: lease },
  { domain: "omvm-00000000aa", of: "pool", id: "00000000aa".padEnd(32, "0") },
  { domain: "omvm-00000000bb", of: "visitor", id: "00000000bb".padEnd(32, "0") },
];

describe("whose a machine of this computer is", () => {
  test("a lease's, the pool's or a visitor's the box itself says", () => {
    expect(whoseMachine("omvm-0123456789", own)).toEqual({ of: "lease", id: lease });
    expect(whoseMachine("omvm-00000000aa", own)).toMatchObject({ of: "pool" });
    expect(whoseMachine("omvm-00000000bb", own)).toMatchObject({ of: "visitor" });
  });

  test("nobody's is one with a name of the box's that it knows nothing of; without a box it is only known as its", () => {
    expect(whoseMachine("omvm-ffffffffff", own)).toEqual({ of: "nobody" });
    expect(whoseMachine("omvm-ffffffffff", [])).toEqual({ of: "nobody" });
    expect(whoseMachine("omvm-0123456789", undefined)).toEqual({ of: "this box" });
  });

  test("somebody else's is every other, however like the box's its name is", () => {
    for (const name of [
      "debian",
      "omvm-",
      "omvm-012345678",
      "omvm-0123456789a",
      "omvm-012345678G",
      "my-omvm-0123456789",
    ])
      for (const known of [own, undefined])
        expect(whoseMachine(name, known)).toEqual({ of: "somebody else" });
  });
});
