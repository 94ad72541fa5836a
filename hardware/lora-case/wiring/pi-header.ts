/** The 40 pins of a Raspberry Pi's header by their number, from 1 (raspberrypi.com/documentation, "GPIO"). */
export const PI_HEADER = [
  "3.3 V",
  "5 V",
  "GPIO2",
  "5 V",
  "GPIO3",
  "GND",
  "GPIO4",
  "GPIO14 (TXD)",
  "GND",
  "GPIO15 (RXD)",
  "GPIO17",
  "GPIO18",
  "GPIO27",
  "GND",
  "GPIO22",
  "GPIO23",
  "3.3 V",
  "GPIO24",
  "GPIO10 (MOSI)",
  "GND",
  "GPIO9 (MISO)",
  "GPIO25",
  "GPIO11 (SCLK)",
  "GPIO8 (CE0)",
  "GND",
  "GPIO7 (CE1)",
  "GPIO0",
  "GPIO1",
  "GPIO5",
  "GND",
  "GPIO6",
  "GPIO12",
  "GPIO13",
  "GND",
  "GPIO19",
  "GPIO16",
  "GPIO26",
  "GPIO20",
  "GND",
  "GPIO21",
] as const;

/** @throws {RangeError} for a pin that the header does not have */
export function piPinName(pin: number): string {
  const name = PI_HEADER[pin - 1];
  if (name === undefined) throw new RangeError(`The header has no pin ${pin}`);
  return name;
}
