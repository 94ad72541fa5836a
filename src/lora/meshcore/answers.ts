import type { Position } from "../radio.ts";

export interface Contact {
  publicKey: Uint8Array;
  /** 1: a person's node, 2: repeater, 3: room server, 4: sensor. */
  type: number;
  name: string;
  /** Hops to it; undefined while no path is known. */
  hops: number | undefined;
  position: Position | undefined;
  /** When the radio heard of it last, in seconds by the radio's clock. */
  modifiedSeconds: number;
}

export interface SelfInfo {
  publicKey: Uint8Array;
  name: string;
  powerDbm: number;
  maxPowerDbm: number;
  position: Position | undefined;
  frequencyHz: number;
  bandwidthHz: number;
  spreadingFactor: number;
  /** 5 to 8. */
  codingRate: number;
}

export interface DeviceInfo {
  protocolVersion: number;
  /** "" before version 3. */
  model: string;
  /** Such as `v1.17.1`; the date of the build before version 3. */
  firmware: string;
  /** Whether this node repeats for others; undefined before version 9. */
  repeats: boolean | undefined;
}

/** A message that was waiting in the radio. */
export interface Message {
  snrDb: number | undefined;
  /** undefined: it came by a path that was laid down for it. */
  hops: number | undefined;
}

/** What a frame from the radio says. */
export type Answer =
  | { kind: "ok" }
  | { kind: "no-more-messages" }
  | { kind: "message-waiting" }
  | { kind: "error"; code: number }
  | { kind: "contacts-start"; count: number }
  | { kind: "contact"; contact: Contact }
  | { kind: "new-advert"; contact: Contact }
  | { kind: "end-of-contacts"; modifiedSeconds: number }
  | { kind: "self-info"; self: SelfInfo }
  | { kind: "device-info"; device: DeviceInfo }
  | { kind: "sent"; isFlood: boolean; expectedAck: number; timeoutMs: number }
  | ({
      kind: "contact-message";
      from: Uint8Array;
      textType: number;
      timestamp: number;
      text: Uint8Array;
    } & Message)
  | ({ kind: "channel-message"; channel: number; timestamp: number; text: Uint8Array } & Message)
  | ({ kind: "channel-data"; channel: number; dataType: number; data: Uint8Array } & Message)
  | { kind: "current-time"; seconds: number }
  | { kind: "battery"; milliVolts: number }
  | { kind: "core-stats"; uptimeSeconds: number; queued: number }
  | { kind: "radio-stats"; sentSeconds: number; receivedSeconds: number }
  | { kind: "advert"; publicKey: Uint8Array }
  | { kind: "path-updated"; publicKey: Uint8Array }
  | { kind: "send-confirmed"; ack: number; roundTripMs: number }
  | { kind: "raw-data"; snrDb: number; rssiDbm: number; data: Uint8Array }
  | { kind: "heard"; snrDb: number; rssiDbm: number; packetType: number }
  /** A kind that this driver has no use for. */
  | { kind: "other"; code: number };
