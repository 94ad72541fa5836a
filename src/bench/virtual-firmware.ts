/** What runs on the two virtual cases. */
export const VIRTUAL_FIRMWARE = ["rnode", "meshtastic"] as const;
export type VirtualFirmware = (typeof VIRTUAL_FIRMWARE)[number];
