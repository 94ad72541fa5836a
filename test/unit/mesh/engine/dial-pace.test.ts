import { expect, test } from "bun:test";
import type { Connection } from "@libp2p/interface";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { type DialerOptions, dialAny } from "../../../../src/mesh/engine/dialer.ts";
import { SharedKeyChoice } from "../../../../src/mesh/engine/shared-key-choice.ts";

const PEER = "12D3KooW9xCm2jWjNVrwh51SWCQBMYdMyeU3NpT85QhLVkF6PcNM";
const ADDRESSES = [1, 2, 3].map((host) => `/ip4/10.81.0.${host}/tcp/4600`);

/** Dials that stay open until the test ends them, by the last number of the address. */
class Calls {
  readonly begun: string[] = [];
  answeredTold = 0;
  readonly time = new VirtualTime();
  private readonly ends = new Map<string, PromiseWithResolvers<Connection>>();
  private readonly openings = new Map<string, () => void>();

  dial(timeoutMs = 4_000): Promise<Connection> {
    const transports: Pick<DialerOptions["transports"], "dial"> = {
      dial: (address, { signal, onProgress } = {}) => {
        const host = String(address).split("/")[2]?.split(".")[3] ?? "";
        this.begun.push(host);
        const end = Promise.withResolvers<Connection>();
        this.ends.set(host, end);
        const opened: { type: string } = { type: "upgrader:encrypt-outbound-connection" };
        // The upgrader's own events, whose names libp2p's type leaves out here.
        this.openings.set(host, () =>
          (onProgress as ((event: { type: string }) => void) | undefined)?.(opened),
        );
        signal?.addEventListener("abort", () => end.reject(signal.reason));
        return end.promise;
      },
    };
    return dialAny(PEER, ADDRESSES, timeoutMs, {
      transports: transports as DialerOptions["transports"],
      keys: new SharedKeyChoice(() => [new Uint8Array(32)], this.time),
      loopbackOnly: false,
      timers: this.time,
      lookup: async () => [],
      answered: () => {
        this.answeredTold += 1;
      },
    });
  }

  /** Somebody takes the connection, and the handshakes begin. */
  opens(host: string): void {
    this.openings.get(host)?.();
  }

  async fails(host: string): Promise<void> {
    this.ends.get(host)?.reject(new Error("no"));
    await Bun.sleep(0);
  }
}

test("addresses that nobody answers at are tried beside each other, a quarter of a second apart", async () => {
  const calls = new Calls();
  const dialling = calls.dial();
  await Bun.sleep(0);
  expect(calls.begun).toEqual(["1"]);
  calls.time.advance(250);
  calls.time.advance(250);
  expect(calls.begun).toEqual(["1", "2", "3"]);
  calls.time.advance(3_500);
  await expect(dialling).rejects.toThrow("nobody answered in time");
  expect(calls.answeredTold).toBe(0);
});

test("where somebody has answered no other handshakes are begun for three seconds, unless these fail", async () => {
  const calls = new Calls();
  calls.dial().catch(() => undefined);
  await Bun.sleep(0);
  calls.opens("1");
  calls.time.advance(2_900);
  expect(calls.begun).toEqual(["1"]);
  calls.time.advance(100);
  expect(calls.begun).toEqual(["1", "2"]);
  await calls.fails("2");
  expect(calls.begun).toEqual(["1", "2", "3"]);
  expect(calls.answeredTold).toBe(1);
});

test("who has answered has eight seconds for the handshakes, from then on", async () => {
  const calls = new Calls();
  const dialling = calls.dial();
  await Bun.sleep(0);
  calls.time.advance(240);
  calls.opens("1");
  let isOver = false;
  dialling.catch(() => {
    isOver = true;
  });
  calls.time.advance(7_900);
  await Bun.sleep(0);
  expect(isOver).toBe(false);
  calls.time.advance(100);
  await expect(dialling).rejects.toThrow("did not end the handshakes in time");
});
