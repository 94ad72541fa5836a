import type { Front } from "../../../src/first-boot/screen/front.ts";

/** A box in order that nobody has claimed, with what a test wants otherwise. */
export const frontOfBox = (more: Partial<Front> = {}): Front => ({
  name: "Market Square",
  version: "0.1.0",
  uptimeSeconds: 125,
  onAir: ["Market Square"],
  notOnAir: "",
  guests: 3,
  callsForHelp: 0,
  consoleUrls: ["http://192.168.1.7:8090/"],
  claimCode: "70K1-M9QX",
  resetAsked: false,
  configFile: "/boot/omerta/omerta.toml",
  configProblems: [],
  troubles: [],
  ...more,
});
