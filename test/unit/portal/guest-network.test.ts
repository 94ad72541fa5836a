import { expect, test } from "bun:test";
import { networkOf } from "../../../src/portal/guest-network.ts";

test.each([
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["fe80::1", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["1::", "1:0:0:0::/64"],
  ["10.20.0.16", "10.20.0.16"],
  ["::ffff:10.20.0.16", "::ffff:10.20.0.16"],
  ["", ""],
])("the network of %p is %p", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
