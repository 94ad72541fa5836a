import { describe, expect, test } from "bun:test";
import { Air } from "../../../../src/bench/air/air.ts";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import { Rylr998Firmware, type Rylr998FirmwareOptions } from "../../../../src/bench/firmware/rylr998.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Fate, Outgoing, Received } from "../../../../src/lora/radio.ts";
import { rylr998 } from "../../../../src/lora/rylr998/index.ts";
import { capturedLog } from "../../captured-log.ts";
import { MemoryPort } from "../meshcore/memory-port.ts";

const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

function world() {
  const time = new VirtualTime();
  const air = new Air({ timers: time, seed: 3, pathLoss: FREE_SPACE });
  const context = { timers: time, random: Math.random, log: capturedLog().log };
  let count = 0;
  const plugIn = (more: Partial<Rylr998FirmwareOptions> = {}) => {
    const modem = air.modem({ name: `module ${count}`, position: { x: count++ * 100, y: 0 } });
    const port = new MemoryPort({
      timers: time,
      create: (toHost) => new Rylr998Firmware({ modem, timers: time, toHost, address: count, ...more }),
    });
    const radio = rylr998.create(port, context);
    const received: Received[] = [];
    const closed: string[] = [];
    radio.on("received", (packet) => received.push(packet));
    radio.on("closed", (reason) => closed.push(reason));
    const send = (outgoing: Partial<Outgoing> & { payload: Uint8Array }): Fate[] => {
      const fates: Fate[] = [];
      radio.send({ priority: "direct", ...outgoing }, (fate) => fates.push(fate));
      return fates;
    };
    const said: string[] = [];
    port.on("data", (bytes) => said.push(Buffer.from(bytes).toString("latin1")));
    return { port, firmware: port.firmware, modem, radio, received, closed, send, said };
  };
  const open = async (more?: Partial<Rylr998FirmwareOptions>) => {
    const made = plugIn(more);
    time.advance(100);
    const opened = made.radio.open();
    time.advance(1_000);
    await opened;
    return made;
  };
  return { time, air, context, plugIn, open };
}

describe("a RYLR998 radio", () => {
  test("tells how the module is set", async () => {
    const { open } = world();
    const { radio } = await open({ address: 120, networkId: 7 });
    expect(radio.status()).toMatchObject({
      firmware: "RYLR998_REYAX_V1.2.2",
      hardware: "REYAX RYLR998",
      self: "120",
      channel: {
        frequencyHz: 915_000_000,
        modulation: { spreadingFactor: 9, bandwidthHz: 125_000, codingRate: 5, preambleSymbols: 12 },
        powerDbm: 22,
        name: "network 7",
      },
    });
    expect(radio.capabilities).toMatchObject({ maxPayloadBytes: 194, access: "raw", acknowledges: false });
  });

  test("opens although somebody else has begun a line, and although the module is just starting", async () => {
    const { time, plugIn } = world();
    const { port, radio } = plugIn();
    time.advance(100);
    await port.write(latin("<\u0002\u0000\u0016\u0003"));
    const opened = radio.open();
    time.advance(3_000);
    await opened;
    expect(radio.status().self).toBe("1");
  });

  test.each(["at-once", "when-sent"] as const)(
    "says on air when a packet has left, where the module answers %s",
    async (answers) => {
      const { time, air, open } = world();
      const a = await open({ answers });
      const b = await open();
      const payload = Uint8Array.from({ length: 194 }, (_, at) => at);
      const fates = a.send({ payload });
      time.advance(20);
      expect(fates).toEqual([{ state: "queued" }]);
      const { airtimeMs } = air.stats();
      expect(airtimeMs).toBeGreaterThan(1_000);
      time.advance(airtimeMs - 40);
      expect(fates).toHaveLength(1);
      time.advance(100);
      expect(fates).toEqual([{ state: "queued" }, { state: "on-air" }]);
      expect(b.received).toMatchObject([{ payload, from: "1", to: undefined, hops: 0 }]);
      expect(b.received[0]?.rssiDbm).toBeLessThan(-30);
      expect(b.radio.nodes()).toMatchObject([{ id: "1", heardSecondsAgo: 0, hops: 0 }]);
    },
  );

  test("sends to one address, which alone hears it, and on one network", async () => {
    const { time, open } = world();
    const a = await open();
    const b = await open();
    const c = await open();
    const other = await open({ networkId: 5 });
    const fates = a.send({ payload: latin("psst"), to: "2" });
    a.send({ payload: latin("all") });
    time.advance(5_000);
    expect(fates.at(-1)).toEqual({ state: "on-air" });
    expect(b.received.map(({ to }) => to)).toEqual(["2", undefined]);
    expect(c.received.map(({ to }) => to)).toEqual([undefined]);
    expect(other.received).toEqual([]);
  });

  test.each(["0", "65536", "-1", "abc", "1.5"])("does not send to %j, which is no address", async (to) => {
    const { time, open } = world();
    const a = await open();
    const fates = a.send({ payload: latin("x"), to });
    time.advance(10);
    expect(fates.at(-1)).toMatchObject({
      state: "failed",
      reason: "refused",
      detail: expect.stringContaining(to),
    });
  });

  test("tries again while the module is still sending something else", async () => {
    const { time, open } = world();
    const a = await open();
    const b = await open();
    a.firmware.receive(latin("AT+SEND=0,3,abc\r\n"));
    time.advance(10);
    const fates = a.send({ payload: latin("second") });
    time.advance(5_000);
    expect(a.said.join("")).toContain("+ERR=17");
    expect(fates.at(-1)).toEqual({ state: "on-air" });
    expect(b.received.map(({ payload }) => Buffer.from(payload).toString())).toEqual(["second"]);
  });

  test("sets the channel, with the preamble that the network allows", async () => {
    const { time, open } = world();
    const modulation = { spreadingFactor: 10, bandwidthHz: 250_000, codingRate: 6, preambleSymbols: 16 };
    const channel = { frequencyHz: 869_525_000, modulation, powerDbm: 14 };
    for (const [networkId, preambleSymbols] of [
      [18, 16],
      [4, 12],
    ] as const) {
      const { radio, firmware } = await open({ networkId });
      const set = radio.setChannel(channel);
      await time.advanceAsync(500);
      await set;
      const expected = { ...channel, modulation: { ...modulation, preambleSymbols } };
      expect(firmware.settings).toEqual(expected);
      expect(radio.status().channel).toMatchObject(expected);
    }
  });

  test.each([
    [
      { frequencyHz: 433_000_000 },
      "frequencyHz: 433000000 is not one of 820000000 to 960000000: set lora.frequency_khz to one of 820000 to 960000, or use the model for this band",
    ],
    [{ powerDbm: 23 }, "powerDbm: 23 is not one of 0 to 22: set lora.power_dbm = 22"],
    [{ sf: 12 }, 'spreadingFactor: 12 is not one of 5 to 9 at 125000 Hz: set lora.preset = "MediumFast"'],
    [
      { sf: 11, bw: 250_000 },
      'spreadingFactor: 11 is not one of 5 to 10 at 250000 Hz: set lora.preset = "MediumFast"',
    ],
    [{ bw: 62_500 }, 'bandwidthHz: 62500 is not 125000, 250000 or 500000: set lora.preset = "MediumFast"'],
    [{ cr: 9 }, 'codingRate: 9 is not one of 5 to 8: set lora.preset = "MediumFast"'],
  ])("refuses %j with the field named", async (change, detail) => {
    const wanted: { frequencyHz?: number; powerDbm?: number; sf?: number; bw?: number; cr?: number } = change;
    const { frequencyHz = 868_100_000, powerDbm = 14, sf = 9, bw = 125_000, cr = 5 } = wanted;
    const { open } = world();
    const { radio } = await open();
    const modulation = { spreadingFactor: sf, bandwidthHz: bw, codingRate: cr, preambleSymbols: 12 };
    const error = await radio.setChannel({ frequencyHz, powerDbm, modulation }).catch((e: unknown) => e);
    expect(error).toMatchObject({ reason: "refused", message: detail });
  });

  test("notices that the module was started anew, and that it fell silent", async () => {
    const { time, open } = world();
    const a = await open();
    a.firmware.receive(latin("AT+RESET\r\n"));
    time.advance(100);
    expect(a.closed).toEqual(["the module was started anew"]);
    const b = await open();
    b.firmware.stop();
    const fates = b.send({ payload: latin("x") });
    time.advance(10_000);
    expect(b.closed).toEqual(["AT+VER?: no answer within 1000 ms"]);
    expect(fates.at(-1)).toMatchObject({ state: "failed", reason: "radio-gone" });
  });

  test("does not take what others send for packets, but knows who it was", async () => {
    const { time, open } = world();
    const a = await open();
    const b = await open();
    a.firmware.receive(latin("AT+SEND=0,15,T=21,-3,+OK,ERR\r\n"));
    time.advance(2_000);
    expect(b.received).toEqual([]);
    expect(b.radio.nodes()).toMatchObject([{ id: "1" }]);
    expect(b.closed).toEqual([]);
  });
});

describe("the emulated module", () => {
  test.each([
    ["AT\r\n", "+OK"],
    ["AT+SEND=1,5,HELLO\r\n", "+OK"],
    ["AT+SEND=1,4,HELLO\r\n", "+ERR=5"],
    [`AT+SEND=1,241,${"x".repeat(241)}\r\n`, "+ERR=13"],
    ["AT+PARAMETER=12,7,1,12\r\n", "+ERR=4"],
    ["AT+PARAMETER=9,7,1,30\r\n", "+ERR=18"],
    ["AT+NETWORKID=16\r\n", "+ERR=4"],
    ["AT+NOTHING?\r\n", "+ERR=4"],
    ["HELLO\r\n", "+ERR=2"],
    ["AT+ADDRESS?", "+ERR=1"],
    ["AT+ADDRESS=9\r\nAT+ADDRESS?\r\n", "+ADDRESS=9"],
  ])("answers %j by %s", (command, answer) => {
    const { time, plugIn } = world();
    const { firmware, said } = plugIn();
    time.advance(10);
    expect(said.splice(0).join("")).toBe("+READY\r\n");
    firmware.receive(latin(command));
    time.advance(200);
    expect(said.join("").trimEnd().split("\r\n").at(-1)).toBe(answer);
  });
});

describe("probing for a RYLR998", () => {
  test("finds it although a line was begun, and says no on a silent line", async () => {
    const { time, context, plugIn } = world();
    const { port } = plugIn();
    time.advance(50);
    await port.write(latin("garbage"));
    const found = rylr998.probe(port, context);
    time.advance(1_200);
    expect(await found).toBe(true);
    const silent = plugIn();
    silent.firmware.stop();
    const none = rylr998.probe(silent.port, context);
    time.advance(1_200);
    expect(await none).toBe(false);
  });
});
