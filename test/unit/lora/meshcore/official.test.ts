import { describe, expect, test } from "bun:test";
import Advert from "@liamcottle/meshcore.js/src/advert.js";
import Packet from "@liamcottle/meshcore.js/src/packet.js";
import fc from "fast-check";
import { encodeAdvert } from "../../../../src/bench/firmware/meshcore-advert.ts";
import { Identity } from "../../../../src/bench/firmware/meshcore-identity.ts";
import { decodePacket, encodePacket, TYPE } from "../../../../src/bench/firmware/meshcore-packet.ts";
import { PUSH, RESPONSE, STATS } from "../../../../src/lora/meshcore/codes.ts";
import * as commands from "../../../../src/lora/meshcore/commands.ts";
import { decodeAnswer } from "../../../../src/lora/meshcore/decode-answer.ts";
import { encodeFrame } from "../../../../src/lora/meshcore/frame.ts";
import { zeroFree } from "../../../../src/lora/meshcore/zero-free.ts";
import { pair, world } from "./cases.ts";
import { OfficialClient, officialCommand } from "./official-client.ts";

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const byte = fc.integer({ min: 0, max: 255 });
const int8 = fc.integer({ min: -128, max: 127 });
const asciiText = fc
  .array(fc.integer({ min: 1, max: 127 }), { maxLength: 100 })
  .map((codes) => Uint8Array.from(codes));
const of = (...parts: readonly (number | ArrayLike<number>)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : Array.from(part))));
const le32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const plain = (bytes: unknown): unknown => (bytes instanceof Uint8Array ? Uint8Array.from(bytes) : bytes);

describe("commands are byte for byte those of the official client", () => {
  test("which have no arguments", async () => {
    expect(commands.getContacts()).toEqual(
      await officialCommand((client) => client.sendCommandGetContacts()),
    );
    expect(commands.getDeviceTime()).toEqual(
      await officialCommand((client) => client.sendCommandGetDeviceTime()),
    );
    expect(commands.getBattery()).toEqual(
      await officialCommand((client) => client.sendCommandGetBatteryVoltage()),
    );
    expect(commands.syncNextMessage()).toEqual(
      await officialCommand((client) => client.sendCommandSyncNextMessage()),
    );
    expect(commands.deviceQuery()).toEqual(
      await officialCommand((client) => client.sendCommandDeviceQuery(3)),
    );
    for (const kind of Object.values(STATS)) {
      expect(commands.getStats(kind)).toEqual(
        await officialCommand((client) => client.sendCommandGetStats(kind)),
      );
    }
    for (const [reach, kind] of [["neighbours", 0] as const, ["flood", 1] as const]) {
      expect(commands.sendSelfAdvert(reach)).toEqual(
        await officialCommand((client) => client.sendCommandSendSelfAdvert(kind)),
      );
    }
  });

  test("with which an app starts, but for its version and name", async () => {
    const own = commands.appStart();
    const official = await officialCommand((client) => client.sendCommandAppStart());
    expect(own[0]).toBe(official[0] ?? -1);
    expect(own.subarray(2, 8)).toEqual(official.subarray(2, 8));
    expect(new TextDecoder().decode(own.subarray(8))).toBe("omerta");
  });

  test("in their frames for the line", async () => {
    const client = new OfficialClient();
    await client.sendCommandDeviceQuery(3);
    expect(client.written.map(plain)).toEqual([encodeFrame(commands.deviceQuery())]);
  });

  test("which carry messages, datagrams and raw packets", async () => {
    await fc.assert(
      fc.asyncProperty(
        key,
        fc.integer({ min: 0, max: 3 }),
        u32,
        asciiText,
        byte,
        async (to, attempt, timestamp, text, channel) => {
          expect(commands.sendTextMessage({ to, attempt, timestamp, text })).toEqual(
            await officialCommand((client) =>
              client.sendCommandSendTxtMsg(0, attempt, timestamp, to, new TextDecoder().decode(text)),
            ),
          );
          const dataType = timestamp & 0xffff;
          expect(commands.sendChannelData(channel, dataType, text)).toEqual(
            await officialCommand((client) =>
              client.sendCommandSendChannelData(channel, 0xff, new Uint8Array(), dataType, text),
            ),
          );
          expect(commands.sendRawData(text)).toEqual(
            await officialCommand((client) => client.sendCommandSendRawData([], text)),
          );
          expect(commands.resetPath(to)).toEqual(
            await officialCommand((client) => client.sendCommandResetPath(to)),
          );
        },
      ),
    );
  });

  test("which set the channel", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 150_000, max: 2_500_000 }),
        fc.integer({ min: 7_000, max: 500_000 }),
        fc.integer({ min: 5, max: 12 }),
        fc.integer({ min: 5, max: 8 }),
        fc.integer({ min: -9, max: 30 }),
        async (kHz, bandwidthHz, spreadingFactor, codingRate, powerDbm) => {
          const modulation = { spreadingFactor, bandwidthHz, codingRate, preambleSymbols: 16 };
          const settings = { frequencyHz: kHz * 1_000, modulation, powerDbm };
          expect(commands.setRadioParams(settings, undefined)).toEqual(
            await officialCommand((client) =>
              client.sendCommandSetRadioParams(kHz, bandwidthHz, spreadingFactor, codingRate),
            ),
          );
          expect(commands.setTxPower(powerDbm)).toEqual(
            await officialCommand((client) => client.sendCommandSetTxPower(powerDbm)),
          );
        },
      ),
    );
  });
});

describe("what the radio says is understood as the official client does", () => {
  const client = new OfficialClient();

  test("of this node", () => {
    fc.assert(
      fc.property(key, int8, u32, fc.string({ maxLength: 7 }), (publicKey, power, where, name) => {
        const latitude = (where % 180_000_001) - 90_000_000;
        const nameBytes = new TextEncoder().encode(name.replaceAll("\0", ""));
        const frame = of(
          [RESPONSE.selfInfo, 1, power & 0xff, 22],
          publicKey,
          le32(latitude),
          le32(7),
          [0, 0, 0, 0],
          le32(869_525),
          le32(250_000),
          [11, 5],
          nameBytes,
        );
        const official = client.understood(RESPONSE.selfInfo, frame);
        const own = decodeAnswer(frame);
        if (own?.kind !== "self-info") throw new Error("not understood");
        const { self } = own;
        expect(plain(official?.publicKey)).toEqual(self.publicKey);
        // It takes the power for a number without a sign.
        expect(official?.txPower).toBe(self.powerDbm & 0xff);
        expect(official?.advLat).toBe(Math.round((self.position?.latitude ?? 0) * 1e6));
        expect(official?.radioFreq).toBe(self.frequencyHz / 1_000);
        expect(official?.radioBw).toBe(self.bandwidthHz);
        expect([official?.radioSf, official?.radioCr]).toEqual([self.spreadingFactor, self.codingRate]);
        expect(official?.name).toBe(self.name);
      }),
    );
  });

  test("of messages, datagrams and raw packets", () => {
    const prefix = fc.uint8Array({ minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(
        prefix,
        fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant(0xff)),
        u32,
        asciiText,
        int8,
        fc.uint8Array({ minLength: 1, maxLength: 160 }),
        (from, path, time, text, snr, data) => {
          const message = of(RESPONSE.contactMessage, from, path, 0, le32(time), text);
          const own = decodeAnswer(message);
          const official = client.understood(RESPONSE.contactMessage, message);
          if (own?.kind !== "contact-message") throw new Error("message not understood");
          expect([plain(official?.pubKeyPrefix), official?.senderTimestamp]).toEqual([
            own.from,
            own.timestamp,
          ]);
          expect(official?.text).toBe(new TextDecoder().decode(own.text));
          expect(official?.pathLen).toBe(own.hops ?? 0xff);

          const datagram = of(
            [RESPONSE.channelData, snr & 0xff, 0, 0, 0, path, 0x4f, 0xff, data.length],
            data,
          );
          const ownData = decodeAnswer(datagram);
          const officialData = client.understood(RESPONSE.channelData, datagram);
          if (ownData?.kind !== "channel-data") throw new Error("datagram not understood");
          expect([officialData?.snr, officialData?.dataType, plain(officialData?.data)]).toEqual([
            ownData.snrDb,
            ownData.dataType,
            ownData.data,
          ]);

          const raw = of([PUSH.rawData, snr & 0xff, 0xa0, 0xff], data);
          const ownRaw = decodeAnswer(raw);
          const officialRaw = client.understood(PUSH.rawData, raw);
          if (ownRaw?.kind !== "raw-data") throw new Error("raw packet not understood");
          expect([officialRaw?.lastSnr, officialRaw?.lastRssi, plain(officialRaw?.payload)]).toEqual([
            ownRaw.snrDb,
            ownRaw.rssiDbm,
            ownRaw.data,
          ]);
        },
      ),
    );
  });

  test("of contacts, acknowledgements, battery, time and airtime", () => {
    fc.assert(
      fc.property(key, u32, u32, fc.integer({ min: 0, max: 0xffff }), (publicKey, ack, time, milliVolts) => {
        const contact = of(
          RESPONSE.contact,
          publicKey,
          [1, 0, 2],
          new Uint8Array(64),
          of(new TextEncoder().encode("Zoë"), new Uint8Array(28)),
          le32(time),
          le32(48_100_000),
          le32(-11_500_000),
          le32(ack),
        );
        const ownContact = decodeAnswer(contact);
        const officialContact = client.understood(RESPONSE.contact, contact);
        if (ownContact?.kind !== "contact") throw new Error("contact not understood");
        expect(plain(officialContact?.publicKey)).toEqual(ownContact.contact.publicKey);
        expect(officialContact?.advName).toBe(ownContact.contact.name);
        expect(officialContact?.outPathLen).toBe(ownContact.contact.hops ?? -1);
        expect(officialContact?.lastMod).toBe(ownContact.contact.modifiedSeconds);
        expect(ownContact.contact.position).toEqual({ latitude: 48.1, longitude: -11.5 });

        const sent = of(RESPONSE.sent, 1, le32(ack), le32(time));
        expect(decodeAnswer(sent)).toEqual({
          kind: "sent",
          isFlood: true,
          expectedAck: Number(client.understood(RESPONSE.sent, sent)?.expectedAckCrc),
          timeoutMs: Number(client.understood(RESPONSE.sent, sent)?.estTimeout),
        });
        const confirmed = of(PUSH.sendConfirmed, le32(ack), le32(time));
        expect(decodeAnswer(confirmed)).toEqual({
          kind: "send-confirmed",
          ack: Number(client.understood(PUSH.sendConfirmed, confirmed)?.ackCode),
          roundTripMs: Number(client.understood(PUSH.sendConfirmed, confirmed)?.roundTrip),
        });
        const battery = of(RESPONSE.battery, milliVolts & 0xff, milliVolts >> 8);
        expect(decodeAnswer(battery)).toEqual({
          kind: "battery",
          milliVolts: Number(client.understood(RESPONSE.battery, battery)?.batteryMilliVolts),
        });
        const clock = of(RESPONSE.currentTime, le32(time));
        expect(decodeAnswer(clock)).toEqual({
          kind: "current-time",
          seconds: Number(client.understood(RESPONSE.currentTime, clock)?.epochSecs),
        });
        const stats = of(RESPONSE.stats, STATS.radio, [0x92, 0xff, 0xa0, 0x10], le32(ack), le32(time));
        const officialStats = client.understood(RESPONSE.stats, stats)?.data;
        expect(officialStats).toMatchObject({ txAirSecs: ack, rxAirSecs: time });
        expect(decodeAnswer(stats)).toEqual({ kind: "radio-stats", sentSeconds: ack, receivedSeconds: time });
      }),
    );
  });
});

describe("emulated firmware", () => {
  /** The official client at the line of an emulated case. */
  async function withClient() {
    const { time, a, b } = await pair();
    await b.radio.close();
    const client = new OfficialClient((bytes) => time.after(0, () => b.firmware.receive(bytes)));
    const toClient = b.port;
    Object.assign(toClient, { toHost: (bytes: Uint8Array) => void client.onDataReceived(bytes) });
    /** Lets the client await what comes. */
    const settled = async <T>(promise: Promise<T>, ms: number): Promise<T> => {
      await time.advanceAsync(ms);
      return promise;
    };
    return { time, a, b, client, settled };
  }

  test("answers the official client", async () => {
    const { a, b, client, settled } = await withClient();
    const self = await settled(client.getSelfInfo(), 50);
    expect(self).toMatchObject({
      name: "bravo",
      radioFreq: 869_618,
      radioBw: 62_500,
      radioSf: 8,
      radioCr: 8,
    });
    expect(plain(self.publicKey)).toEqual(b.firmware.identity.publicKey);
    const contacts = await settled(client.getContacts(), 50);
    expect(contacts).toMatchObject([{ advName: "alpha", type: 1 }]);
    expect(plain(contacts[0]?.publicKey)).toEqual(a.firmware.identity.publicKey);
    await settled(client.setTxPower(10), 50);
    await settled(client.setRadioParams(868_100, 125_000, 9, 5), 50);
    expect(b.firmware.settings).toMatchObject({ frequencyHz: 868_100_000, powerDbm: 10 });
  });

  test("carries the official client's messages, and confirms them", async () => {
    const { a, client, settled } = await withClient();
    const sent = await settled(client.sendTextMessage(a.firmware.identity.publicKey, "Hallo Welt"), 15_000);
    expect(client.told.get(PUSH.sendConfirmed)?.ackCode).toBe(sent.expectedAckCrc);
    // A person's text is none of the box's packets.
    expect(a.received).toEqual([]);
    const data = await officialCommand((official) =>
      official.sendCommandSendTxtMsg(0, 0, 77, a.firmware.identity.publicKey, ""),
    );
    const payload = Uint8Array.of(0, 1, 2, 0, 255);
    await settled(client.sendToRadioFrame(of(data, zeroFree(payload))), 15_000);
    expect(a.received.map((packet) => packet.payload)).toEqual([payload]);
  });

  test("puts packets on the air as the official library reads them", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          ...Object.entries({ text: "TXT_MSG", ack: "ACK", advert: "ADVERT", groupData: "GRP_DATA" }),
        ),
        fc.constantFrom("flood" as const, "direct" as const),
        fc.uint8Array({ maxLength: 63 }),
        fc.uint8Array({ minLength: 110, maxLength: 184 }),
        ([name, official], route, path, payload) => {
          const type = TYPE[name as keyof typeof TYPE];
          const bytes = encodePacket({ type, route, path, payload });
          const packet = Packet.fromBytes(bytes);
          expect(packet.payload_type_string).toBe(official);
          expect(packet.route_type_string).toBe(route.toUpperCase());
          expect(packet.payload_version).toBe(0);
          expect([plain(packet.path), plain(packet.payload)]).toEqual([path, payload]);
          expect(decodePacket(bytes)).toEqual({ type, route, path, payload });
        },
      ),
    );
  });

  test("signs adverts that the official library verifies", async () => {
    const identity = new Identity(new Uint8Array(32).fill(9));
    const told = { timestamp: 1_800_000_000, name: "Berg 7", latitude: 47_100_000, longitude: -9_000_000 };
    const advert = Advert.fromBytes(encodeAdvert(identity, told));
    expect(await advert.isVerified()).toBe(true);
    expect(advert.timestamp).toBe(told.timestamp);
    expect(advert.parsed).toMatchObject({ type: "CHAT", lat: 47_100_000, lon: -9_000_000, name: "Berg 7" });
    const forged = encodeAdvert(identity, told);
    forged[forged.length - 1] = 0;
    expect(await Advert.fromBytes(forged).isVerified()).toBe(false);
  });

  test("learns contacts by adverts only, not from forged or old ones", async () => {
    const { time, open, air } = world();
    const a = await open("alpha", 0);
    const stranger = air.modem({ name: "stranger", position: { x: 50, y: 0 } });
    stranger.configure(a.firmware.settings);
    const identity = new Identity(new Uint8Array(32).fill(9));
    const send = (payload: Uint8Array) => {
      const path = new Uint8Array();
      stranger.transmit(encodePacket({ type: TYPE.advert, route: "flood", path, payload }), () => {});
      time.advance(10_000);
    };
    const place = { latitude: 0, longitude: 0 };
    const forged = encodeAdvert(identity, { timestamp: 5, name: "Eve", ...place });
    forged[forged.length - 1] = 0x66;
    send(forged);
    expect(a.firmware.node.contacts).toEqual([]);
    send(encodeAdvert(identity, { timestamp: 9, name: "Ann", ...place }));
    send(encodeAdvert(identity, { timestamp: 8, name: "Old", ...place }));
    expect(a.firmware.node.contacts.map(({ name }) => name)).toEqual(["Ann"]);
  });
});
