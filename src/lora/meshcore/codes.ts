/**
 * Numbers of MeshCore's companion protocol (docs/companion_protocol.md and examples/companion_radio of
 * meshcore-dev/MeshCore): the first byte of every frame. Codes from 0x80 on are sent by the radio unasked.
 */
export const COMMAND = {
  appStart: 1,
  sendTextMessage: 2,
  getContacts: 4,
  getDeviceTime: 5,
  sendSelfAdvert: 7,
  syncNextMessage: 10,
  setRadioParams: 11,
  setTxPower: 12,
  resetPath: 13,
  getBattery: 20,
  deviceQuery: 22,
  sendRawData: 25,
  /** Protocol version 8 and later. */
  getStats: 56,
  /** Firmware 1.15 (March 2026) and later. */
  sendChannelData: 62,
} as const;

export const RESPONSE = {
  ok: 0,
  error: 1,
  contactsStart: 2,
  contact: 3,
  endOfContacts: 4,
  selfInfo: 5,
  sent: 6,
  contactMessage: 7,
  channelMessage: 8,
  currentTime: 9,
  noMoreMessages: 10,
  exportContact: 11,
  battery: 12,
  deviceInfo: 13,
  privateKey: 14,
  disabled: 15,
  contactMessageV3: 16,
  channelMessageV3: 17,
  channelInfo: 18,
  signStart: 19,
  signature: 20,
  customVariables: 21,
  advertPath: 22,
  tuningParams: 23,
  stats: 24,
  autoAddConfig: 25,
  allowedRepeatFrequencies: 26,
  channelData: 27,
  defaultFloodScope: 28,
} as const;

export const PUSH = {
  advert: 0x80,
  pathUpdated: 0x81,
  sendConfirmed: 0x82,
  messageWaiting: 0x83,
  rawData: 0x84,
  loginSuccess: 0x85,
  loginFail: 0x86,
  statusResponse: 0x87,
  logRxData: 0x88,
  traceData: 0x89,
  newAdvert: 0x8a,
  telemetryResponse: 0x8b,
  binaryResponse: 0x8c,
  pathDiscovery: 0x8d,
  controlData: 0x8e,
  contactDeleted: 0x8f,
  contactsFull: 0x90,
} as const;

export const STATS = { core: 0, radio: 1, packets: 2 } as const;

/** What the second byte of an error says. */
export const ERROR = {
  unsupported: 1,
  notFound: 2,
  tableFull: 3,
  badState: 4,
  fileError: 5,
  illegalArgument: 6,
} as const;

const ERROR_TEXTS: Readonly<Record<number, string>> = {
  [ERROR.unsupported]: "it does not know this command",
  [ERROR.notFound]: "not found",
  [ERROR.tableFull]: "its table is full",
  [ERROR.badState]: "not in this state",
  [ERROR.fileError]: "it cannot store this",
  [ERROR.illegalArgument]: "a value is not allowed",
};

export const errorText = (code: number): string => ERROR_TEXTS[code] ?? `error ${code}`;

export const PUBLIC_KEY_BYTES = 32;
/** The firmware names a contact by so many bytes of its public key. */
export const KEY_PREFIX_BYTES = 6;
/** The length of a path that is not known. */
export const NO_PATH = 0xff;
