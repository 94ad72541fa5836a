import { PUSH, RESPONSE } from "./codes.ts";
import { MAX_FRAME_BYTES } from "./frame.ts";

const upTo = MAX_FRAME_BYTES;

/**
 * The shortest and the longest frame of each kind that the radio sends, in bytes with the code (MyMesh.cpp of MeshCore
 * 1.0 to 1.17). Kinds that grew with the firmware have room to grow.
 */
const LENGTHS: Readonly<Record<number, readonly [number, number]>> = {
  [RESPONSE.ok]: [1, 1],
  [RESPONSE.error]: [1, 2],
  [RESPONSE.contactsStart]: [5, 5],
  [RESPONSE.contact]: [148, 148],
  [RESPONSE.endOfContacts]: [5, 5],
  [RESPONSE.selfInfo]: [58, 58 + 32],
  [RESPONSE.sent]: [10, 10],
  [RESPONSE.contactMessage]: [13, upTo],
  [RESPONSE.channelMessage]: [8, upTo],
  [RESPONSE.currentTime]: [5, 5],
  [RESPONSE.noMoreMessages]: [1, 1],
  [RESPONSE.exportContact]: [2, upTo],
  [RESPONSE.battery]: [3, 11],
  [RESPONSE.deviceInfo]: [20, 100],
  [RESPONSE.privateKey]: [65, 65],
  [RESPONSE.disabled]: [1, 1],
  [RESPONSE.contactMessageV3]: [16, upTo],
  [RESPONSE.channelMessageV3]: [11, upTo],
  [RESPONSE.channelInfo]: [50, 66],
  [RESPONSE.signStart]: [6, 6],
  [RESPONSE.signature]: [65, 65],
  [RESPONSE.customVariables]: [1, upTo],
  [RESPONSE.advertPath]: [6, 70],
  [RESPONSE.tuningParams]: [9, 9],
  [RESPONSE.stats]: [9, 40],
  [RESPONSE.autoAddConfig]: [2, 4],
  [RESPONSE.allowedRepeatFrequencies]: [1, upTo],
  [RESPONSE.channelData]: [9, upTo],
  [RESPONSE.defaultFloodScope]: [1, 48],
  [PUSH.advert]: [33, 33],
  [PUSH.pathUpdated]: [33, 33],
  [PUSH.sendConfirmed]: [9, 9],
  [PUSH.messageWaiting]: [1, 1],
  [PUSH.rawData]: [5, upTo],
  [PUSH.loginSuccess]: [8, 16],
  [PUSH.loginFail]: [8, 8],
  [PUSH.statusResponse]: [8, upTo],
  [PUSH.logRxData]: [5, upTo],
  [PUSH.traceData]: [12, upTo],
  [PUSH.newAdvert]: [148, 148],
  [PUSH.telemetryResponse]: [8, upTo],
  [PUSH.binaryResponse]: [6, upTo],
  [PUSH.pathDiscovery]: [9, upTo],
  [PUSH.controlData]: [5, upTo],
  [PUSH.contactDeleted]: [33, 33],
  [PUSH.contactsFull]: [1, 1],
};

/** Whether the radio sends frames of this kind with this length. */
export function isFrameLength(code: number, length: number): boolean {
  const range = LENGTHS[code];
  return range !== undefined && length >= range[0] && length <= range[1];
}
