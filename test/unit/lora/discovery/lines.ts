import type { LineInfo } from "../../../../src/lora/serial/index.ts";

/** A serial line of which only this is known. */
export const line = (path: string, more: Partial<LineInfo> = {}): LineInfo => ({
  path,
  manufacturer: undefined,
  product: undefined,
  serialNumber: undefined,
  vendorId: undefined,
  productId: undefined,
  locationId: undefined,
  pnpId: undefined,
  driver: undefined,
  stablePaths: [],
  ...more,
});

/** A USB adapter. @param id `vendor:product` */
export const usb = (path: string, id: string, more: Partial<LineInfo> = {}): LineInfo => {
  const [vendorId, productId] = id.split(":");
  return line(path, { vendorId, productId, ...more });
};
