import { describe, expect, test } from "bun:test";
import { localAddressTo, preferredSource } from "../../../src/host/local-address.ts";

describe("the address by which this machine is seen", () => {
  test("from itself is its own", () => {
    expect(localAddressTo("127.0.0.1")).toBe("127.0.0.1");
  });

  test("is not asked for where the other's is no address", () => {
    expect(localAddressTo("-6 127.0.0.1")).toBeUndefined();
    expect(localAddressTo("")).toBeUndefined();
    expect(localAddressTo("fe80::1%eth0")).toBeUndefined();
  });

  test("is the source that the kernel prefers", () => {
    const answer =
      '[{"dst":"198.51.100.9","gateway":"192.0.2.1","dev":"eth0","prefsrc":"192.0.2.7","uid":0}]';
    expect(preferredSource(answer)).toBe("192.0.2.7");
    expect(preferredSource("[]")).toBeUndefined();
    expect(preferredSource("RTNETLINK answers")).toBeUndefined();
  });
});
