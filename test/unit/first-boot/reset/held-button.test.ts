import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HeldButton, KEY_RESTART, keyEvents } from "../../../../src/first-boot/reset/held-button.ts";
import { resetRequest } from "../../../../src/first-boot/reset/reset-request.ts";

/** An event as the kernel writes it. */
function event(type: number, code: number, value: number): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt16LE(type, 16);
  bytes.writeUInt16LE(code, 18);
  bytes.writeInt32LE(value, 20);
  return bytes;
}

describe("the reset button", () => {
  const press = { code: KEY_RESTART, value: 1 };
  const letGo = { code: KEY_RESTART, value: 0 };

  test("is told once when it has been held for ten seconds", () => {
    const button = new HeldButton(KEY_RESTART, 10_000);
    button.see(press, 1_000);
    expect([button.leftMs(4_000), button.isHeld(10_999)]).toEqual([7_000, false]);
    // A key that repeats is the same press.
    button.see({ code: KEY_RESTART, value: 2 }, 5_000);
    expect([button.isHeld(11_000), button.isHeld(60_000)]).toEqual([true, false]);
  });

  test("is nothing when it is let go before, or when it is another key", () => {
    const button = new HeldButton(KEY_RESTART, 10_000);
    button.see(press, 0);
    button.see(letGo, 9_999);
    button.see(press, 10_001);
    button.see({ code: 30, value: 1 }, 0);
    expect([button.isHeld(20_000), button.isHeld(20_001)]).toEqual([false, true]);
    button.see(letGo, 21_000);
    button.see(press, 22_000);
    expect(button.isHeld(32_000)).toBe(true);
  });

  test("is read from the kernel's events, in whatever pieces they come", () => {
    const bytes = Buffer.concat([event(1, KEY_RESTART, 1), event(0, 0, 0), event(1, KEY_RESTART, 0)]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length }), (cut) => {
        const first = keyEvents(bytes.subarray(0, cut));
        const second = keyEvents(Buffer.concat([first.rest, bytes.subarray(cut)]));
        expect([...first.events, ...second.events]).toEqual([press, letGo]);
        expect(second.rest).toHaveLength(0);
      }),
    );
  });
});

test("a request to reset says who asked, and the passphrase of the export if there is to be one", () => {
  expect(resetRequest("button")).toEqual({ "factory-reset": "by button\n" });
  expect(resetRequest("command", "five quiet words")).toEqual({
    "factory-reset": "by command\nexport five quiet words\n",
  });
});
