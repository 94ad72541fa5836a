import type { PortalFacts } from "../../../src/portal/index.ts";

/** What a daemon with the default configuration tells its portal. */
export const FACTS: PortalFacts = {
  name: "Omerta Box",
  operator: "",
  contact: "",
  welcome: "",
  notices: [],
  accent: "#0b6b57",
  services: [],
  portalUrl: "http://omerta.internal",
  portalHosts: ["omerta.internal", "10.20.0.1", "198.51.100.1", "[fd07:707:707:1::1]", "[100::1]"],
  internet: false,
  toldOnline: true,
  guestToGuest: false,
  messages: false,
  configBroken: false,
};

/** What an operator who means well, and has much to say, writes. */
export const TALKATIVE: PortalFacts = {
  ...FACTS,
  name: "Harbour Street Community Network",
  operator: "The neighbourhood committee of Harbour Street, with the volunteers of the fire station",
  contact: "Fire station, ground floor, every day from 8 to 20 o'clock; radio channel 7; 0123 456789",
  welcome:
    "Welcome, neighbour. The electricity and the telephone network are down in the whole quarter since Monday. This network stays up day and night; please save your battery and tell the people next to you about it.",
  notices: [
    "Drinking water is given out at the school, entrance on Mill Lane, from 9 to 12 and from 15 to 18 o'clock. Bring your own bottles.",
    "The bridge on Station Road is closed. Use the footbridge behind the market; it is open to pedestrians and bicycles only.",
    "A doctor is at the fire station. Children and people who need insulin or dialysis come first.",
  ],
  services: ["Messages", "I am safe", "Ask for help", "Map", "Library"].map((name, index) => ({
    name,
    description: `${name}, here on this box`,
    url: `http://omerta.internal:${8081 + index}/`,
  })),
};
