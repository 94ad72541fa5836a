import { type Candidate, identify } from "./discovery/index.ts";
import type { DriverContext, RadioDriver } from "./driver.ts";
import { driverOf, type FirmwareName } from "./drivers.ts";
import type { Connected, Known } from "./lora-case.ts";
import type { ChannelSettings } from "./modulation.ts";
import { rnodeDriver } from "./rnode/index.ts";
import { openSerialPort } from "./serial/index.ts";
import { openTcpPort } from "./tcp-port.ts";

export interface ConnectOptions {
  context: DriverContext;
  channel: ChannelSettings;
}

const DEFAULT_BAUD_RATE = 115_200;
const TCP = /^tcp:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^:/]+)):(\d{1,5})$/;

/** Finds out what is at the other end of a serial line. @throws {PortError} when it cannot be opened */
export async function connectSerial(
  { device, firmware }: Candidate,
  known: Known | undefined,
  { context, channel }: ConnectOptions,
): Promise<Connected | undefined> {
  const driver = (name: FirmwareName) => driverFor(name, channel);
  if (known !== undefined) {
    // It was this the last time: its own handshake tells soonest whether it still is.
    const { create, baudRates } = await driver(known.firmware);
    const baudRate = known.baudRate ?? baudRates[0] ?? DEFAULT_BAUD_RATE;
    const port = await openSerialPort(device.path, { baudRate });
    return { firmware: known.firmware, baudRate, radio: create(port, context) };
  }
  const found = await identify({ path: device.path, firmware, context, driver });
  if (!found) return undefined;
  const { driver: answered, port, baudRate } = found;
  return { firmware: answered.firmware, baudRate, radio: answered.create(port, context) };
}

/** Meshtastic over the network. @throws {PortError} when it cannot be reached */
export async function connectTcp(url: string, { context, channel }: ConnectOptions): Promise<Connected> {
  const [, v6, host = v6 ?? "", port = ""] = TCP.exec(url) ?? [];
  const { create } = await driverFor("meshtastic", channel);
  return { firmware: "meshtastic", radio: create(await openTcpPort(host, Number(port)), context) };
}

export const isTcp = (port: string): boolean => TCP.test(port);

async function driverFor(name: FirmwareName, channel: ChannelSettings): Promise<RadioDriver> {
  return name === "rnode" ? rnodeDriver({ channel }) : await driverOf(name);
}
