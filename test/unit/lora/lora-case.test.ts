import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { AirtimeLedger } from "../../../src/lora/airtime/index.ts";
import { Link } from "../../../src/lora/link/index.ts";
import { type Connected, type Known, LoraCase, type LoraCaseOptions } from "../../../src/lora/lora-case.ts";
import { type ChannelSettings, PRESETS } from "../../../src/lora/modulation.ts";
import { RadioError } from "../../../src/lora/radio.ts";
import { capturedLog } from "../captured-log.ts";
import { CHANNEL, FakeRadio } from "./airtime/fake-radio.ts";

function caseWith(options: Partial<LoraCaseOptions> = {}) {
  const time = new VirtualTime();
  const random = seededRandom(1);
  let number = 0;
  let ledger: AirtimeLedger | undefined;
  const link = new Link({ address: 1, timers: time, random, nextNumber: () => number++ });
  const radios: FakeRadio[] = [];
  const asked: (string | undefined)[] = [];
  const told: unknown[][] = [];
  const connect = async (known: Known | undefined): Promise<Connected | undefined> => {
    asked.push(known?.firmware);
    const radio = new FakeRadio(time);
    radios.push(radio);
    return { firmware: "rnode", radio };
  };
  const one = new LoraCase({
    key: "usb:10c4:ea60:7",
    link,
    region: "EU868",
    channel: CHANNEL,
    sosReserve: 0.2,
    ledgerOf: (subBand) => {
      ledger ??= new AirtimeLedger({ subBand, nowMs: time.monotonicMs(), reserve: (_, kept) => kept() });
      return ledger;
    },
    connect,
    timers: time,
    random,
    log: capturedLog().log,
    ...options,
  });
  one.on("told", (...all) => told.push(all));
  return { one, time, link, radios, asked, told };
}

/** A radio that is set to another channel than the box would have chosen. */
function radioOn(channel: Partial<ChannelSettings>) {
  return (time: VirtualTime): FakeRadio => {
    const radio = new FakeRadio(time);
    const status = radio.status();
    radio.status = () => ({ ...status, channel: { ...status.channel, ...channel } });
    return radio;
  };
}

describe("a LoRa case", () => {
  test("works once its radio is found, and its link has a carrier", async () => {
    const { one, time, link, told } = caseWith();
    one.come();
    await time.advanceAsync(100);
    expect([one.state, one.reason, link.isAttached]).toEqual(["working", "", true]);
    expect(one.airtime?.subBand.name).toBe("869.4–869.65 MHz");
    expect(told).toEqual([["lora-case-up", { firmware: "fake", state: "working" }]]);
    await one.stop();
    expect([one.state, link.isAttached]).toEqual(["gone", false]);
    expect(told[1]).toEqual(["lora-case-down", { reason: "unplugged" }]);
  });

  test("sends what its link takes on, and counts it", async () => {
    const { one, time, link, radios } = caseWith();
    one.come();
    await time.advanceAsync(100);
    link.submit({ payload: new Uint8Array(50), priority: "room", to: "everyone", lifetimeMs: 60_000 });
    await time.advanceAsync(10_000);
    expect(radios[0]?.seen.length).toBe(1);
    expect(one.airtime?.usedMs[0]).toBeGreaterThan(600);
    await one.stop();
  });

  test("only listens where no region is named, and says so", async () => {
    const { one, time, link } = caseWith({ region: undefined });
    one.come();
    await time.advanceAsync(100);
    expect([one.state, one.reason, link.isAttached]).toEqual([
      "listening",
      "lora.region is not set: it sends nothing",
      false,
    ]);
    await one.stop();
  });

  test.each([
    [{ frequencyHz: 915e6 }, "frequencyHz: 915 MHz"],
    [{ powerDbm: 30 }, "powerDbm: 30 dBm"],
  ])("only listens when its radio is set to what the region forbids: %p", async (channel, words) => {
    const made = caseWith();
    made.one.connectBy(async () => ({ firmware: "meshtastic", radio: radioOn(channel)(made.time) }));
    made.one.come();
    await made.time.advanceAsync(100);
    expect([made.one.state, made.link.isAttached]).toEqual(["listening", false]);
    expect(made.one.reason).toStartWith(words);
    await made.one.stop();
  });

  test("only listens where the law leaves no frame worth sending", async () => {
    const us = { frequencyHz: 914_875_000, modulation: PRESETS.LongFast, powerDbm: 14 };
    const made = caseWith({ region: "US915", channel: us });
    made.one.connectBy(async () => ({ firmware: "rnode", radio: radioOn(us)(made.time) }));
    made.one.come();
    await made.time.advanceAsync(100);
    expect(made.one.state).toBe("listening");
    expect(made.one.reason).toContain('set lora.preset = "ShortTurbo"');
    await made.one.stop();
  });

  test("follows its owner who sets it to another channel, and sends nothing where that is not allowed", async () => {
    const made = caseWith();
    const radio = new FakeRadio(made.time);
    let channel: Partial<ChannelSettings> = CHANNEL;
    const status = radio.status();
    radio.status = () => ({ ...status, channel });
    made.one.connectBy(async () => ({ firmware: "meshtastic", radio }));
    made.one.come();
    await made.time.advanceAsync(100);
    expect(made.one.airtime?.subBand.name).toBe("869.4–869.65 MHz");
    const set = async (to: Partial<ChannelSettings>) => {
      channel = to;
      radio.emit("changed");
      await made.time.advanceAsync(100);
      return [made.one.state, made.link.isAttached, made.one.airtime?.subBand.name];
    };
    expect(await set({ ...CHANNEL, frequencyHz: 868.3e6 })).toEqual(["working", true, "868–868.6 MHz"]);
    expect(await set({ ...CHANNEL, frequencyHz: 870.5e6 })).toEqual(["listening", false, undefined]);
    expect(await set(CHANNEL)).toEqual(["working", true, "869.4–869.65 MHz"]);
    await made.one.stop();
  });

  test("that nobody has given a region yet sends nothing, and says what to do", async () => {
    const made = caseWith();
    const radio = new FakeRadio(made.time);
    const status = radio.status();
    radio.status = () => ({ ...status, channel: { powerDbm: 20 } });
    made.one.connectBy(async () => ({ firmware: "meshtastic", radio }));
    made.one.come();
    await made.time.advanceAsync(100);
    expect([made.one.state, made.one.reason]).toEqual([
      "listening",
      "the case does not know its channel: set its region in its own app",
    ]);
    await made.one.stop();
  });

  test("whose owner has switched sending off only listens, until it is on again", async () => {
    const made = caseWith();
    const radio = Object.assign(new FakeRadio(made.time), { sendingIsOff: true });
    made.one.connectBy(async () => ({ firmware: "meshtastic", radio }));
    made.one.come();
    await made.time.advanceAsync(100);
    expect([made.one.state, made.one.reason]).toEqual([
      "listening",
      "sending is switched off on the case, in its own app",
    ]);
    radio.sendingIsOff = false;
    radio.emit("changed");
    expect(made.one.state).toBe("working");
    await made.one.stop();
  });

  test("can be stopped while it is being found out, opened or set", async () => {
    const never = () => new Promise<never>(() => {});
    const finding = caseWith({ connect: never });
    const opening = caseWith();
    opening.one.connectBy(async () => {
      const radio = new FakeRadio(opening.time);
      radio.open = never;
      return { firmware: "rnode", radio };
    });
    const setting = caseWith();
    setting.one.connectBy(async () => {
      const radio = new FakeRadio(setting.time);
      radio.setChannel = never;
      return { firmware: "e22", radio };
    });
    for (const { one, time } of [finding, opening, setting]) {
      one.come();
      await time.advanceAsync(1_000);
      await one.stop();
      expect(one.state).toBe("gone");
    }
  });

  test("that has worked is asked often, however long it was away", async () => {
    const { one, time, radios } = caseWith();
    one.come();
    await time.advanceAsync(10_000);
    let isAway = true;
    one.connectBy(async () => {
      if (isAway) throw new Error("tcp://192.0.2.1:4403: no answer");
      return { firmware: "meshtastic", radio: new FakeRadio(time) };
    });
    await radios[0]?.close();
    await time.advanceAsync(24 * 3_600_000);
    isAway = false;
    await time.advanceAsync(5_100);
    expect(one.state).toBe("working");
    await one.stop();
  });

  test("is looked for again at once when its radio falls silent, by the firmware that it had", async () => {
    const { one, time, radios, asked } = caseWith();
    one.come();
    await time.advanceAsync(10_000);
    await radios[0]?.close();
    await time.advanceAsync(1_000);
    expect(one.state).toBe("working");
    expect(radios.length).toBe(2);
    expect(asked).toEqual([undefined, "rnode"]);
    await one.stop();
  });

  test("is found out anew when what it had does not answer any more: it may have other firmware now", async () => {
    const made = caseWith();
    made.one.come();
    await made.time.advanceAsync(10_000);
    const asked: (string | undefined)[] = [];
    made.one.connectBy(async (known) => {
      asked.push(known?.firmware);
      const radio = new FakeRadio(made.time);
      if (known) radio.open = () => Promise.reject(new RadioError("no-answer", "no answer"));
      return { firmware: "meshtastic", radio };
    });
    await made.radios[0]?.close();
    await made.time.advanceAsync(60_000);
    expect(asked).toEqual(["rnode", "rnode", "rnode", undefined]);
    expect([made.one.state, made.one.firmware]).toEqual(["working", "meshtastic"]);
    await made.one.stop();
  });

  test("keeps its firmware in mind while its port is busy, and is asked seldom once something else is there", async () => {
    const made = caseWith();
    made.one.come();
    await made.time.advanceAsync(10_000);
    const asked: (Known | undefined)[] = [];
    let isBusy = true;
    made.one.connectBy(async (known) => {
      asked.push(known);
      if (isBusy) throw new Error("/dev/ttyUSB0: in use");
      if (!known) return undefined;
      const radio = new FakeRadio(made.time);
      radio.open = () => Promise.reject(new RadioError("no-answer", "no answer"));
      return { firmware: "rnode", radio };
    });
    await made.radios[0]?.close();
    await made.time.advanceAsync(60_000);
    expect(asked.every((known) => known?.firmware === "rnode")).toBe(true);
    isBusy = false;
    await made.time.advanceAsync(3_600_000);
    // Three tries by name, then all firmware, ever more seldom.
    expect(asked.slice(-20).filter((known) => known === undefined).length).toBeGreaterThan(10);
    const before = asked.length;
    await made.time.advanceAsync(3_600_000);
    expect(asked.length - before).toBeLessThanOrEqual(13);
    await made.one.stop();
  });

  test("is found out anew, and opened at the speed at which it answered", async () => {
    const made = caseWith();
    const asked: (Known | undefined)[] = [];
    const radios: FakeRadio[] = [];
    made.one.connectBy(async (known) => {
      asked.push(known);
      const radio = new FakeRadio(made.time);
      radios.push(radio);
      return { firmware: "rylr998", baudRate: 9_600, radio };
    });
    made.one.come();
    await made.time.advanceAsync(100);
    await radios[0]?.close();
    await made.time.advanceAsync(1_000);
    expect(asked).toEqual([undefined, { firmware: "rylr998", baudRate: 9_600 }]);
    await made.one.stop();
  });

  test("is asked ever more seldom while nothing answers, and at once when it is plugged in anew", async () => {
    let tries = 0;
    const { one, time } = caseWith({
      connect: async () => {
        tries += 1;
        return undefined;
      },
    });
    one.come();
    await time.advanceAsync(3_600_000);
    expect([one.state, one.reason]).toEqual(["no radio", "no LoRa firmware answers"]);
    expect(tries).toBeLessThan(30);
    const before = tries;
    one.go();
    await time.advanceAsync(10);
    expect(one.state).toBe("gone");
    one.come();
    await time.advanceAsync(10);
    expect(tries).toBe(before + 1);
    await one.stop();
  });

  test("says why its port cannot be opened, or its radio not set up", async () => {
    let error = new Error("/dev/ttyUSB0: in use");
    const { one, time } = caseWith({ connect: () => Promise.reject(error) });
    one.come();
    await time.advanceAsync(100);
    expect([one.state, one.reason]).toEqual(["no radio", "/dev/ttyUSB0: in use"]);
    error = new RadioError("unsupported", "firmware 1.40: at least 1.52 is needed");
    await time.advanceAsync(1_000);
    expect(one.reason).toBe("firmware 1.40: at least 1.52 is needed");
    await one.stop();
  });

  test("that is set by the host is set to the operator's channel, and keeps its own where it cannot be", async () => {
    const set: ChannelSettings[] = [];
    const made = caseWith();
    let refuses = false;
    made.one.connectBy(async () => {
      const radio = new FakeRadio(made.time);
      radio.setChannel = async (channel?: ChannelSettings) => {
        if (refuses) throw new RadioError("unsupported", "its mode pins are not connected");
        if (channel) set.push(channel);
      };
      return { firmware: "rylr998", radio };
    });
    made.one.come();
    await made.time.advanceAsync(100);
    expect(set).toEqual([CHANNEL]);
    refuses = true;
    made.one.go();
    await made.time.advanceAsync(100);
    made.one.come();
    await made.time.advanceAsync(100);
    expect(made.one.state).toBe("working");
    await made.one.stop();
  });
});
