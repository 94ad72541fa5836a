import type { NftCommand } from "../../host/nft.ts";
import { guestClass } from "../shaping.ts";
import type { Admitted } from "./plan.ts";
import { NFT_TABLE, type Table } from "./table.ts";

/** The sets by which the kernel knows whom to let through, with those who are to be in them. */
export function admissionSets(t: Table, admitted: readonly Admitted[]): NftCommand[] {
  return [
    t.set("released_ipv4", ["ether_addr", "ipv4_addr"], {
      flags: ["timeout"],
      ...elements(admitted.filter(hasIpv4).map(ipv4Element)),
    }),
    t.set("released_mac", "ether_addr", { flags: ["timeout"], ...elements(admitted.map(macElement)) }),
    t.map("guest_class", "ether_addr", "mark", elements(admitted.map(classElement))),
  ];
}

/** Lets guests through; those who are there already get the new time. */
export function admitCommands(admitted: readonly Admitted[]): NftCommand[] {
  return [...expelCommands(admitted), ...changeElements("add", admitted)];
}

/** Takes guests out. Added first, because deleting an element that the kernel has just timed out would fail the transaction. */
export function expelCommands(guests: readonly Pick<Admitted, "mac" | "ipv4">[]): NftCommand[] {
  const present = guests.map((guest) => ({ ...guest, seconds: 60 }));
  return [...changeElements("add", present), ...changeElements("delete", present)];
}

function changeElements(verb: "add" | "delete", guests: readonly Admitted[]): NftCommand[] {
  const change = (name: string, elem: unknown[]): NftCommand[] =>
    // nft refuses an empty list of elements.
    elem.length === 0 ? [] : [{ [verb]: { element: { family: "inet", table: NFT_TABLE, name, elem } } }];
  return [
    ...change("released_ipv4", guests.filter(hasIpv4).map(ipv4Element)),
    ...change("released_mac", guests.map(macElement)),
    ...change("guest_class", verb === "delete" ? guests.map((guest) => guest.mac) : guests.map(classElement)),
  ];
}

/** nft refuses an empty list of elements. */
export const elements = (elem: readonly unknown[]) => (elem.length > 0 ? { elem } : {});
const hasIpv4 = (guest: Admitted) => guest.ipv4 !== "";
const ipv4Element = (guest: Admitted) => ({
  elem: { val: { concat: [guest.mac, guest.ipv4] }, timeout: guest.seconds },
});
const macElement = (guest: Admitted) => ({ elem: { val: guest.mac, timeout: guest.seconds } });
const classElement = (guest: Admitted) => [guest.mac, guestClass(guest.mac)];
