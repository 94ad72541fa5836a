import type { DescEnum, DescMessage } from "@bufbuild/protobuf";

/** Not a literal, since the package's declarations are not where it says that they are. */
const OFFICIAL: string = "@meshtastic/protobufs";
const modules: Record<string, Record<string, unknown>> = await import(OFFICIAL);

const isDesc = (value: unknown): value is DescMessage | DescEnum =>
  typeof value === "object" && value !== null && "typeName" in value && "kind" in value;

const known = new Map(
  Object.values(modules)
    .flatMap((module) => Object.values(module))
    .filter(isDesc)
    .map((desc) => [desc.typeName, desc]),
);

/** A message of Meshtastic's own schema. @param name without the package: `Config.LoRaConfig` */
export function officialMessage(name: string): DescMessage {
  const desc = known.get(`meshtastic.${name}`);
  if (desc?.kind !== "message") throw new Error(`no message of the official package is called ${name}`);
  return desc;
}

export function officialEnum(name: string): DescEnum {
  const desc = known.get(`meshtastic.${name}`);
  if (desc?.kind !== "enum") throw new Error(`no enum of the official package is called ${name}`);
  return desc;
}

/** The number behind a name. */
export function officialNumber(name: string, value: string): number {
  const found = officialEnum(name).values.find((candidate) => candidate.name === value);
  if (!found) throw new Error(`${name} of the official package has no ${value}`);
  return found.number;
}
