import { expect, test } from "bun:test";
import { StationNames, stationName } from "../../../../src/gateway/roaming/station-names.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, index) => index);
const MAC = "02:00:00:00:00:01";
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("a station's name is what Python's hmac makes of key and address", () => {
  expect(hex(stationName(KEY, MAC))).toBe("8d7e7e7a8d3fc23cbafbae49926dc2b5");
});

test("a station has another name in a network with another key", () => {
  expect(
    hex(
      stationName(
        KEY.map((byte) => byte ^ 1),
        MAC,
      ),
    ),
  ).not.toBe(hex(stationName(KEY, MAC)));
});

test("a station is known by every key that still holds, the newest first, and by new ones once they are there", () => {
  const [older, newer] = [KEY, KEY.map((byte) => byte ^ 1)];
  let keys = [older];
  const names = new StationNames(() => keys);
  expect(names.of(MAC)).toEqual([hex(stationName(older, MAC))]);
  keys = [newer, older];
  names.forget();
  expect(names.of(MAC)).toEqual([newer, older].map((key) => hex(stationName(key, MAC))));
});
