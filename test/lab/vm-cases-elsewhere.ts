/**
 * Cases that are no matter of what a guest sends, or that a guest of the image `small` cannot try, and the tests that
 * prove them. That these are there is tested with the rest: a table that names what is gone would prove nothing.
 */
export const CASES_ELSEWHERE: readonly { name: string; file: string; test: string }[] = [
  {
    name: "XML injection in every field of a request",
    file: "test/unit/vm/domain/domain-xml.test.ts",
    test: "keeps its shape whatever stands in its values, or is refused",
  },
  // There is no YAML: what a guest is told are lines to its agent.
  {
    name: "injection into what the guest is told",
    file: "test/unit/vm/guest-agent/agent-line.test.ts",
    test: "no argument can become a second line or a second argument, be nothing, or go on for ever",
  },
  {
    name: "injection in every field of a request",
    file: "test/unit/vm/request/signed-request.test.ts",
    test: "of whatever element, signed by the requester, is refused with a field named or read as a request that holds",
  },
  {
    name: "path traversal in an id",
    file: "test/unit/vm/request/lease-request.test.ts",
    test: "has an id that can be part of a path, a name and a rule",
  },
  {
    name: "path traversal in an image",
    file: "test/unit/vm/request/lease-request.test.ts",
    test: "names an image that is no path",
  },
  {
    name: "duplicate id",
    file: "test/unit/vm/admission/admit.test.ts",
    test: "keeps another from using its id, or one of which the same names would be made",
  },
  {
    name: "missing description",
    file: "test/unit/vm/admission/admit.test.ts",
    test: "must be as long as the box wants it, spaces not counted",
  },
  {
    name: "over the limit",
    file: "test/unit/vm/admission/admit.test.ts",
    test: "refuses what is longer or larger, with the field",
  },
  {
    name: "release by a stranger",
    file: "test/unit/vm/lending/lender.test.ts",
    test: "obeys its requester alone",
  },
  {
    name: "replayed request",
    file: "test/unit/vm/lending/lender.test.ts",
    test: "refuses a request that was heard before and is over",
  },
  {
    name: "replayed command",
    file: "test/unit/vm/request/heard-serials.test.ts",
    test: "are taken once, and only while they rise",
  },
  // A lease of `small` has no disk: its files are its memory.
  {
    name: "disk flood",
    file: "test/lab/vm-overlay.test.ts",
    test: "holds all that a guest can write to it, and no more than that",
  },
  // Nobody is root in a machine before its tunnel is there.
  {
    name: "all of it while the tunnel has never been up",
    file: "test/lab/vm-leaks.test.ts",
    test: "is not seen anywhere, and is counted for what it is: %s",
  },
  {
    name: "cut off in the kernel with the first packet",
    file: "test/lab/vm-egress.test.ts",
    test: "cut a machine off in the kernel with its first packet, where its policy says so",
  },
  {
    name: "a saved machine while the tunnel is down",
    file: "test/lab/vm-checkpoint.test.ts",
    test: "stands still without its requester's end of the tunnel, and ends",
  },
];
