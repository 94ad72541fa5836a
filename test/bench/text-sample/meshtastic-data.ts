import { create, type Message, toBinary } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";

/** What is used of the official schema here. */
interface OfficialSchema {
  Mesh: { DataSchema: GenMessage<Message<"meshtastic.Data"> & { portnum: number; payload: Uint8Array }> };
  Portnums: { PortNum: { TEXT_MESSAGE_APP: number } };
}

/** Not a literal, since the package's declarations are not where it says that they are. */
const OFFICIAL: string = "@meshtastic/protobufs";
const { Mesh, Portnums }: OfficialSchema = await import(OFFICIAL);

/** Before the protobuf of every Meshtastic packet (meshtastic.org/docs/overview/mesh-algo, layer 1). */
const HEADER_BYTES = 16;

/** Bytes of the LoRa frame in which Meshtastic sends a text, by its official schema. Its encryption adds none. */
export function meshtasticFrameBytes(text: Uint8Array): number {
  const data = create(Mesh.DataSchema, { portnum: Portnums.PortNum.TEXT_MESSAGE_APP, payload: text });
  return HEADER_BYTES + toBinary(Mesh.DataSchema, data).length;
}
