import { text, type ValueCodec } from "./value-codec.ts";

const form = "an address like 02:00:5e:10:00:01, in small letters";
const pattern = /^(?!00:00:00:00:00:00$)[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const plain = text(form, pattern, 17);

/** Of a station or access point: never a group's (IEEE 802, 8.2: the first octet's lowest bit). */
export const macAddress: ValueCodec<string> = {
  ...plain,
  form: `${form}, not a group's`,
  fits: (value) => plain.fits(value) && (firstOctet(value) & 1) === 0,
  decode: (value) => value.toLowerCase(),
};

/** Whether an address is given out by whoever runs the device, not by its maker (IEEE 802, 8.2). */
export function isLocallyAdministered(address: string): boolean {
  return (firstOctet(address) & 2) !== 0;
}

function firstOctet(address: string): number {
  return Number.parseInt(address.slice(0, 2), 16);
}
