/** Boards that are common among the cases; the firmware knows many more (meshtastic.org/docs/hardware/devices). */
const BOARDS: Readonly<Record<number, string>> = {
  4: "LILYGO T-Beam",
  7: "LILYGO T-Echo",
  9: "RAK4631",
  12: "LILYGO T-Beam Supreme",
  16: "LILYGO T3-S3",
  31: "Station G2",
  37: "Linux",
  43: "Heltec V3",
  44: "Heltec Wireless Stick Lite V3",
  48: "Heltec Wireless Tracker",
  50: "LILYGO T-Deck",
  69: "Heltec T114",
  71: "Seeed T1000-E",
  81: "Seeed XIAO ESP32-S3",
  88: "Seeed XIAO nRF52840",
  94: "Heltec MeshPocket",
  99: "Seeed Wio Tracker L1",
  110: "Heltec V4",
};

/** @returns undefined where the firmware does not know */
export function boardOf(hardwareModel: number): string | undefined {
  if (hardwareModel === 0) return undefined;
  return BOARDS[hardwareModel] ?? `hardware model ${hardwareModel}`;
}
