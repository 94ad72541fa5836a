import { describe, expect, test } from "bun:test";
import { chmodSync, closeSync, constants, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  type Lease,
  LineReader,
  leaseScript,
  parseLeaseEvent,
  parseLeases,
} from "../../../src/gateway/leases.ts";
import { run } from "../../../src/host/run.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":"));
const ipv4 = fc.ipV4();
const lease: fc.Arbitrary<Lease> = fc.record({ mac, ipv4, endsAtS: fc.integer({ min: 0, max: 4e9 }) });

describe("dnsmasq's lease file", () => {
  test("is read as dnsmasq writes it (lease.c, lease_update_file)", () => {
    const text = [
      "1751328000 02:00:00:00:00:01 10.20.0.16 Galaxy-A12 01:02:00:00:00:00:01",
      "0 02:00:00:00:00:02 10.20.0.17 * *",
      "duid 00:01:00:01:2f:aa:bb:cc:02:00:00:00:00:ff",
      "1751328000 33554433 fd00::1234 * 00:03:00:01:02:00:00:00:00:01",
      "",
    ].join("\n");
    expect(parseLeases(text)).toEqual([
      { mac: "02:00:00:00:00:01", ipv4: "10.20.0.16", endsAtS: 1_751_328_000 },
      { mac: "02:00:00:00:00:02", ipv4: "10.20.0.17", endsAtS: 0 },
    ]);
  });

  test("gives every lease that is written to it", () => {
    const name = fc.constantFrom("*", "phone", "Galaxy-A12");
    fc.assert(
      fc.property(fc.array(fc.tuple(lease, name)), (leases) => {
        const text = leases
          .map(([{ endsAtS, ...it }, host]) => `${endsAtS} ${it.mac} ${it.ipv4} ${host} *\n`)
          .join("");
        expect(parseLeases(text)).toEqual(leases.map(([it]) => it));
      }),
    );
  });

  test("that is torn off anywhere gives the leases before the tear, and none that never was", () => {
    const text =
      "1751328000 02:00:00:00:00:01 10.20.0.161 phone 01:02\n1751328000 02:00:00:00:00:02 10.20.0.17 phone 01:02\n";
    const whole = parseLeases(text);
    for (let length = 0; length <= text.length; length += 1) {
      for (const found of parseLeases(text.slice(0, length))) expect(whole).toContainEqual(found);
    }
  });

  test("of random text gives nothing and throws nothing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseLeases(text)));
  });

  test("gives no lease with an address that is none", () => {
    expect(
      parseLeases("1 02:00:00:00:00:01 10.20.0.999 * *\n1 06-02:00:00:00:00:00:01 10.20.0.9 * *"),
    ).toEqual([]);
  });
});

describe("a line of the lease script", () => {
  test("says what it says", () => {
    fc.assert(
      fc.property(fc.constantFrom("add", "old", "del"), mac, ipv4, (kind, station, address) => {
        const event = parseLeaseEvent(`${kind} ${station} ${address}`);
        expect(event).toEqual({ kind: kind as "add" | "old" | "del", mac: station, ipv4: address });
      }),
    );
  });

  test.each([
    "",
    "tftp 02:00:00:00:00:01 10.20.0.16",
    "add 02:00:00:00:00:01",
    "add 02:00:00:00:00 10.20.0.16",
    "add 06-02:00:00:00:00:00:01 10.20.0.16",
    "add 02:00:00:00:00:01 fd00::1",
    "add 02:00:00:00:00:01 10.20.0.999",
    "ADD 02:00:00:00:00:01 10.20.0.16",
  ])("is passed over when it is none of ours: %j", (line) => {
    expect(parseLeaseEvent(line)).toBeUndefined();
  });

  test("of random text throws nothing", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseLeaseEvent(text)));
  });
});

describe("the reader of lines", () => {
  const MAX_LINE = 512;
  const line = fc.oneof(
    fc.string({ maxLength: 40 }).map((text) => text.replaceAll("\n", "")),
    fc.integer({ min: MAX_LINE - 2, max: MAX_LINE + 3 }).map((length) => "x".repeat(length)),
    fc.integer({ min: 600, max: 3_000 }).map((length) => "y".repeat(length)),
  );

  test("gives the lines of a stream however it is cut into pieces, but for those that are too long", () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 700 })),
        (lines, cuts) => {
          const text = lines.map((one) => `${one}\n`).join("");
          const reader = new LineReader();
          const given: string[] = [];
          let at = 0;
          for (let piece = 0; at < text.length; piece += 1) {
            const size = cuts[piece] ?? 100;
            given.push(...reader.push(text.slice(at, at + size)));
            at += size;
          }
          expect(given).toEqual(lines.filter((one) => one.length <= MAX_LINE));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("holds no more than one line, whatever comes without an end", () => {
    const reader = new LineReader();
    for (let piece = 0; piece < 10_000; piece += 1) expect(reader.push("z".repeat(400))).toEqual([]);
    expect(JSON.stringify(reader).length).toBeLessThan(2_000);
    expect(reader.push("\nadd\n")).toEqual(["add"]);
  });
});

describe("the script that dnsmasq calls", () => {
  test("puts one line for each lease event into the FIFO, and nothing for other events, without waiting", async () => {
    const folder = scratch();
    const fifo = join(folder, "lease-events");
    const script = join(folder, "lease-event");
    writeFileSync(script, leaseScript(fifo));
    chmodSync(script, 0o755);
    await run(["mkfifo", fifo]);
    const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      await run([script, "add", "02:00:00:00:00:01", "10.20.0.16", "a name; rm -rf /"]);
      await run([script, "tftp", "10", "10.20.0.16", "/file"]);
      await run([script, "del", "02:00:00:00:00:01", "10.20.0.16"]);
      const bytes = Buffer.alloc(1_000);
      const text = bytes.toString("utf8", 0, readSync(reader, bytes));
      expect(text).toBe("add 02:00:00:00:00:01 10.20.0.16\ndel 02:00:00:00:00:01 10.20.0.16\n");
    } finally {
      closeSync(reader);
    }
  });

  test("does not wait where nobody reads", async () => {
    const folder = scratch();
    const fifo = join(folder, "lease-events");
    const script = join(folder, "lease-event");
    writeFileSync(script, leaseScript(fifo));
    chmodSync(script, 0o755);
    await run(["mkfifo", fifo]);
    await run([script, "add", "02:00:00:00:00:01", "10.20.0.16"], { timeoutMs: 3_000 });
  });
});
