import { MAX_TELL_CHARS } from "../../portal/guest/messages/check-in-page.tsx";
import { MAX_AT_CHARS } from "../../portal/guest/messages/sos-page.tsx";
import {
  CHECK_IN_STATES,
  type CheckInBody,
  MAX_CONTACT_CHARS,
  MAX_NAME_CHARS,
  MAX_PEOPLE,
  MAX_PLACE_CHARS,
  MAX_REASON_CHARS,
  MAX_TEXT_CHARS,
  type PostBody,
  type SosBody,
} from "../messages/index.ts";
import type { FormFields } from "./form-fields.ts";
import { outsideUri } from "./outside-address.ts";
import { typedCoordinates } from "./typed-coordinates.ts";

/** A call for help; what is not given is left out. Faults are noted in the fields. */
export function readSos(fields: FormFields): SosBody {
  const text = fields.lines({ name: "text", label: "sos.text" }, MAX_TEXT_CHARS, true);
  const words = readPlace(fields);
  const people = fields.whole({ name: "people", label: "sos.people" }, 0, MAX_PEOPLE) ?? 0;
  const injured = fields.whole({ name: "injured", label: "sos.injured" }, 0, MAX_PEOPLE) ?? 0;
  const name = fields.name({ name: "name", label: "form.name" }, MAX_NAME_CHARS);
  const contact = fields.line({ name: "contact", label: "sos.contact" }, MAX_CONTACT_CHARS);
  const battery = fields.whole({ name: "battery", label: "sos.battery" }, 0, 100);
  const parse = (typed: string) => (typed.length > MAX_AT_CHARS ? undefined : typedCoordinates(typed));
  const at = fields.parsed({ name: "at", label: "form.at" }, parse, "error.at");
  const place = at === undefined ? { words } : { words, at };
  const body = { text, name, place, people, injured, contact };
  return battery === undefined ? body : { ...body, batteryPercent: battery };
}

export function readCheckIn(fields: FormFields): CheckInBody & { tell: string } {
  const name = fields.name({ name: "name", label: "checkIn.name" }, MAX_NAME_CHARS, true);
  const state = fields.choice("state", CHECK_IN_STATES);
  const words = readPlace(fields);
  const text = fields.lines({ name: "text", label: "checkIn.text" }, MAX_TEXT_CHARS);
  const asUri = (typed: string) => (typed.length > MAX_TELL_CHARS ? undefined : outsideUri(typed));
  const tell = fields.parsed({ name: "tell", label: "checkIn.tell" }, asUri, "error.tell") ?? "";
  return { name, state, text, place: { words }, tell };
}

/** @param reply the id of the post that is answered; "" for none */
export function readPost(fields: FormFields, reply: string): PostBody {
  const text = fields.lines({ name: "text", label: "square.write" }, MAX_TEXT_CHARS, true);
  const name = fields.name({ name: "name", label: "form.name" }, MAX_NAME_CHARS);
  return reply === "" ? { name, text } : { name, text, replyTo: reply };
}

export function readReason(fields: FormFields): string {
  return fields.lines({ name: "reason", label: "report.reason" }, MAX_REASON_CHARS);
}

const readPlace = (fields: FormFields): string =>
  fields.line({ name: "place", label: "form.place" }, MAX_PLACE_CHARS);
