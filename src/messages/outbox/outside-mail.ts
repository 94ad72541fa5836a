import { fingerprint } from "../../identity/index.ts";
import type { CheckInState, Place } from "../bundle/bodies.ts";
import { decodeBody } from "../bundle/body-codec.ts";
import type { Sender } from "../bundle/bundle.ts";
import type { OutsideItem } from "./bridge.ts";

export interface OutsideMail {
  subject: string;
  text: string;
}

const STATE_WORDS: Record<CheckInState, string> = {
  safe: "I am safe.",
  "needs-things": "I need things.",
  "on-the-move": "I am on the move.",
  hurt: "I am hurt.",
};

/**
 * A check-in or a call for help as a mail for somebody who may never have heard of Omerta: who says what, how old it is,
 * what box it comes from, and that nobody has checked who wrote it.
 * @returns undefined for other kinds, which are not for people outside
 * @throws {BundleError} when its body is none
 */
export function outsideMail({ id, bundle, ageMs }: OutsideItem, boxName: string): OutsideMail | undefined {
  const { kind, sender, body } = bundle;
  const tail = frame(id, sender, boxName, ageMs);
  if (kind === "check-in") {
    const { name, state, text, place } = decodeBody(kind, body);
    const said = quoted([STATE_WORDS[state], text]);
    return {
      subject: `${name}: ${STATE_WORDS[state]}`,
      text: letter(
        `${name} has checked in at an Omerta box, and asked that you be told:`,
        said,
        where(place),
        tail,
      ),
    };
  }
  if (kind === "sos") {
    const { name, text, place, people, injured, contact } = decodeBody(kind, body);
    const who = name === "" ? "Somebody" : name;
    const facts = [
      people > 0 ? `People there: ${people}` : "",
      injured > 0 ? `Hurt: ${injured}` : "",
      contact === "" ? "" : `Can be reached: ${contact}`,
    ];
    return {
      subject: `SOS from ${who}`,
      text: letter(
        `${who} calls for help, at an Omerta box:`,
        quoted([text]),
        where(place),
        lines(facts),
        tail,
      ),
    };
  }
  return undefined;
}

const lines = (parts: readonly string[]): string => parts.filter((part) => part !== "").join("\n");

const letter = (...paragraphs: string[]): string =>
  `${paragraphs.filter((paragraph) => paragraph !== "").join("\n\n")}\n`;

/** Set off line by line, so that nothing that somebody wrote looks like what the box says. */
const quoted = (texts: readonly string[]): string =>
  texts
    .filter((text) => text !== "")
    .map((text) => text.replace(/^/gm, "    "))
    .join("\n\n");

function where({ words, at }: Place): string {
  const degrees = (e6: number) => (e6 / 1e6).toFixed(6);
  const point = at === undefined ? "" : `${degrees(at.latitudeE6)}, ${degrees(at.longitudeE6)}`;
  return lines([
    words === "" ? "" : `Where: ${words}`,
    point === "" ? "" : `On the map (latitude, longitude): ${point}`,
  ]);
}

function frame(id: string, { as, key }: Sender, boxName: string, ageMs: number): string {
  const words = fingerprint(key);
  const author = {
    guest: `Written by a guest of the box "${words}".`,
    person: `Signed by the person "${words}".`,
    box: `Written by the box "${words}" itself.`,
  }[as];
  return lines([
    `Written ${ago(ageMs)}, as far as the boxes could count.`,
    author,
    boxName === "" ? "" : `Sent by the box "${boxName}".`,
    "",
    "\nThis came by Omerta: boxes that carry messages from one to the next, by radio and by hand, where networks are down.",
    "Nobody has checked who wrote it: whoever is near a box can give any name.",
    "Please do not answer this mail. Its writer cannot read the answer.",
    `Message ${id}`,
  ]);
}

function ago(ageMs: number): string {
  const minutes = Math.floor(ageMs / 60_000);
  if (minutes < 2) return "just now";
  if (minutes < 120) return `about ${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `about ${hours} hours ago` : `about ${Math.floor(hours / 24)} days ago`;
}
