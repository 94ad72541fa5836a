import type { FirmwareName } from "../drivers.ts";

/** A kind of USB device that LoRa cases are known to have. */
export interface UsbAdapter {
  /** `vendor:product`, in lower-case hex. */
  id: string;
  name: string;
  /** `board`: sold with a LoRa radio on it; `chip`: sits in LoRa boards and in others; `bridge`: in anything at all. */
  kind: "board" | "chip" | "bridge";
  /** What may run behind it: on boards the likeliest first, behind bridges what a probe disturbs least. */
  firmware: readonly FirmwareName[];
  source: string;
}

const MESHES: readonly FirmwareName[] = ["meshtastic", "meshcore", "rnode"];
/** The meshes' and RNode's probes are a few bytes that end no line and begin no other frame; AT commands are lines. */
const MESHES_THEN_MODULES: readonly FirmwareName[] = [...MESHES, "rylr998", "e22"];

const NRF52 =
  "hwids of the nRF52840 boards in github.com/meshtastic/firmware and meshcore-dev/MeshCore, boards/*.json";
const ESP32 = "hwids of the ESP32-S2 and S3 boards in the same folders";
const LINUX_CP210X = "Linux, drivers/usb/serial/cp210x.c; meshtastic.org/docs/getting-started/serial-drivers";
const LINUX_CH34X =
  "Linux, drivers/usb/serial/ch341.c and cdc-acm.c; meshtastic.org/docs/getting-started/serial-drivers";

const boards = (ids: readonly string[], name: string, source: string): UsbAdapter[] =>
  ids.map((id) => ({ id, name, kind: "board", firmware: MESHES, source }));

/**
 * Ids only say where to look first: one bridge chip sits in a Zigbee stick as well as in a LoRa board, and one board
 * may run any firmware.
 */
export const USB_ADAPTERS: readonly UsbAdapter[] = [
  ...boards(
    ["239a:8029", "239a:0029", "239a:002a", "239a:802a"],
    "nRF52840 board (RAK4631, T1000-E and others)",
    NRF52,
  ),
  ...boards(["239a:4405", "239a:0071"], "nRF52840 board (T-Echo, Heltec T114 and others)", NRF52),
  ...boards(["239a:00b3"], "Pro Micro nRF52840", NRF52),
  ...boards(["2886:0057"], "Seeed T1000-E", NRF52),
  ...boards(["2886:1667", "2886:1668"], "Seeed Wio Tracker L1", NRF52),
  ...boards(["2886:0166"], "Seeed XIAO nRF52840 kit", NRF52),
  {
    id: "2886:0059",
    name: "Seeed XIAO ESP32-S3 or nRF52840",
    kind: "chip",
    firmware: MESHES,
    source: "boards/seeed-xiao-s3.json and xiao-nrf52.json in the same folders",
  },
  { id: "303a:1001", name: "ESP32-S3", kind: "chip", firmware: MESHES, source: ESP32 },
  { id: "303a:0002", name: "ESP32-S2 or S3", kind: "chip", firmware: MESHES, source: ESP32 },
  {
    id: "10c4:ea60",
    name: "CP2102",
    kind: "bridge",
    firmware: MESHES_THEN_MODULES,
    source: LINUX_CP210X,
  },
  { id: "1a86:55d4", name: "CH9102", kind: "bridge", firmware: MESHES_THEN_MODULES, source: LINUX_CH34X },
  { id: "1a86:55d3", name: "CH343", kind: "bridge", firmware: MESHES_THEN_MODULES, source: LINUX_CH34X },
  { id: "1a86:7523", name: "CH340", kind: "bridge", firmware: MESHES_THEN_MODULES, source: LINUX_CH34X },
  {
    id: "0403:6001",
    name: "FT232R",
    kind: "bridge",
    firmware: ["rnode", "rylr998", "e22"],
    source:
      "Linux, drivers/usb/serial/ftdi_sio_ids.h; RNode's first hardware (unsigned.io/hardware/RNode.html)",
  },
  {
    id: "0403:6015",
    name: "FT230X",
    kind: "bridge",
    firmware: ["rnode", "rylr998", "e22"],
    source: "Linux, drivers/usb/serial/ftdi_sio_ids.h",
  },
];

const BY_ID: ReadonlyMap<string, UsbAdapter> = new Map(USB_ADAPTERS.map((adapter) => [adapter.id, adapter]));

/** @param vendorId four digits of hex, as the other */
export const usbAdapter = (vendorId: string, productId: string): UsbAdapter | undefined =>
  BY_ID.get(`${vendorId}:${productId}`.toLowerCase());
