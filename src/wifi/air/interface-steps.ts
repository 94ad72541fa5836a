import type { InterfaceType } from "../radio-inventory.ts";
import type { AirInterface, AirRadio } from "./air-plan.ts";

/** An interface of a radio that is there now. */
export interface PresentInterface {
  phy: string;
  name: string;
  type: InterfaceType;
}

/** One thing to do to an interface. */
export type InterfaceStep =
  | { do: "remove"; name: string }
  | { do: "down"; name: string }
  | { do: "rename"; from: string; to: string }
  | { do: "add"; phy: string; interface: AirInterface };

/** Names that the radio plan gives; nothing else of the box's, and nobody else's, is called so. */
const OWN_NAME = /^(?:ap|owe|mesh|up)\d{1,2}$/;

/**
 * What leads from the interfaces that are there to those that are wanted, in this order. Radios without anything to do are
 * left alone but for what an earlier plan has made on them. On the others, what the system made stays and is set down, as a
 * chip may carry no more beside it; only a firmware that needs it gets it under the box's name.
 */
export function interfaceSteps(
  present: readonly PresentInterface[],
  radios: readonly AirRadio[],
): InterfaceStep[] {
  const wanted = radios.flatMap(({ phy, interfaces }) => interfaces.map((one) => ({ phy, ...one })));
  const isKept = ({ phy, name, type }: PresentInterface) =>
    wanted.some(
      (one) => one.phy === phy && one.name === name && (one.type === type || one.madeBy === "driver"),
    );
  const removed = present.filter((one) => OWN_NAME.test(one.name) && !isKept(one));
  const missing = wanted.filter(
    (one) => one.madeBy !== "hostapd" && !present.some((other) => other.name === one.name && isKept(other)),
  );
  const foreign = present.filter(
    ({ name, phy }) => !OWN_NAME.test(name) && radios.some((radio) => radio.phy === phy),
  );
  const renames = missing.flatMap(({ madeBy, phy, name }): InterfaceStep[] => {
    const from = foreign.find((one) => one.phy === phy && one.type !== "monitor")?.name;
    return madeBy === "driver" && from !== undefined ? [{ do: "rename", from, to: name }] : [];
  });
  const isRenamed = (wantedName: string) =>
    renames.some((step) => step.do === "rename" && step.to === wantedName);
  return [
    ...removed.map(({ name }): InterfaceStep => ({ do: "remove", name })),
    ...foreign.map(({ name }): InterfaceStep => ({ do: "down", name })),
    ...renames,
    ...missing
      .filter(({ name }) => !isRenamed(name))
      .map(({ phy, ...one }): InterfaceStep => ({ do: "add", phy, interface: one })),
  ];
}
