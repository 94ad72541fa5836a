/**
 * What RNode firmware and its host say to each other: the first byte of each KISS frame. Read from the public firmware
 * (github.com/markqvist/RNode_Firmware, Framing.h and serial_callback) and from Reticulum's RNodeInterface.
 */
export const COMMAND = {
  DATA: 0x00,
  /** Hz, 4 bytes big-endian; 0 asks. */
  FREQUENCY: 0x01,
  /** Hz, 4 bytes big-endian; 0 asks. */
  BANDWIDTH: 0x02,
  /** dBm; {@link ASK} asks. */
  TX_POWER: 0x03,
  SPREADING_FACTOR: 0x04,
  /** 5 to 8. */
  CODING_RATE: 0x05,
  /** 1 on, 0 off. */
  RADIO_STATE: 0x06,
  RADIO_LOCK: 0x07,
  DETECT: 0x08,
  /** The host goes. */
  LEAVE: 0x0a,
  /** Airtime limit over 15 s, in hundredths of a percent, 2 bytes; 0: none. */
  SHORT_AIRTIME_LOCK: 0x0b,
  /** Over an hour. */
  LONG_AIRTIME_LOCK: 0x0c,
  /** Asked: 1 when there is room for another packet, else 0. */
  READY: 0x0f,
  STAT_RX: 0x21,
  STAT_TX: 0x22,
  /** Of the packet that follows: dBm + {@link RSSI_OFFSET}. */
  STAT_RSSI: 0x23,
  /** Of the packet that follows: quarters of a dB, signed. */
  STAT_SNR: 0x24,
  STAT_CHANNEL: 0x25,
  STAT_PHY: 0x26,
  /** State, percent. */
  STAT_BATTERY: 0x27,
  STAT_CSMA: 0x28,
  RANDOM: 0x40,
  PLATFORM: 0x48,
  MCU: 0x49,
  /** Major, minor. */
  FIRMWARE_VERSION: 0x50,
  RESET: 0x55,
  ERROR: 0x90,
} as const;

/** As the value of a one-byte setting: tell it, don't set it. */
export const ASK = 0xff;
export const DETECT_REQUEST = 0x73;
export const DETECT_RESPONSE = 0x46;
/** With {@link COMMAND.RESET}: from the host, restart; from the firmware, it has just started. */
export const RESET_BYTE = 0xf8;
export const RSSI_OFFSET = 157;

export const ERROR = {
  INIT_RADIO: 0x01,
  TX_FAILED: 0x02,
  EEPROM_LOCKED: 0x03,
  QUEUE_FULL: 0x04,
  MEMORY_LOW: 0x05,
  MODEM_TIMEOUT: 0x06,
} as const;

/** What one packet may hold: two LoRa frames of 255 bytes, each with a header byte. */
export const MTU = 508;
/** A packet up to this length is one LoRa frame. */
export const SINGLE_FRAME_PAYLOAD = 254;

const PLATFORMS: Readonly<Record<number, string>> = { 144: "AVR", 128: "ESP32", 112: "nRF52" };

export const platformName = (code: number): string =>
  PLATFORMS[code] ?? `platform 0x${code.toString(16).padStart(2, "0")}`;
