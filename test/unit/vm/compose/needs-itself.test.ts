import { expect, test } from "bun:test";
import { needsItself } from "../../../../src/vm/compose/needs-itself.ts";

test("nothing keeps who waits from a machine where the box has enough and can make one", () => {
  expect(needsItself([], undefined)).toBeUndefined();
});

test("whoever waits goes on waiting while the box needs itself, or no machine could be made", () => {
  expect(needsItself(["cpu", "heat"], undefined)).toBe("its processors are busy, it is too hot");
  expect(needsItself([], "libvirt is gone: end of file")).toBe("what makes its machines is starting anew");
});
