const LINE_END = "\r\n";
const encoded = (lines: readonly string[]): Uint8Array =>
  new TextEncoder().encode(lines.map((line) => line + LINE_END).join(""));

/** What an ESP32's ROM prints on the same line before any firmware runs; a `>` and bytes above ASCII among it. */
export const romText = (): Uint8Array =>
  Uint8Array.of(
    // The line's speed is not the firmware's yet.
    ...[0x00, 0xff, 0x94, 0x1e, 0xf8, 0xc3, 0x0c],
    ...encoded([
      "ESP-ROM:esp32s3-20210327",
      "rst:0x1 (POWERON),boot:0x8 (SPI_FAST_FLASH_BOOT)",
      "load:0x3fce3808,len:0x4bc -> entry 0x403c98d0",
    ]),
  );

/** What the firmware prints while it starts and nobody has spoken to it. */
export const startText = (version: string): Uint8Array =>
  encoded([
    `INFO  | ??:??:?? 0 Emulated node, version ${version}`,
    "INFO  | ??:??:?? 0 radio chip found, listening > now",
  ]);

/** A line of debug text. @param seconds since the start */
export const debugText = (seconds: number, line: string): Uint8Array =>
  encoded([`DEBUG | ??:??:?? ${Math.floor(seconds)} ${line}`]);
