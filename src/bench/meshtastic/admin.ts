import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AdminMessageSchema,
  ConfigKind,
  ConfigSchema,
  type Data,
  type LoraConfig,
  type Metadata,
  RoutingError,
} from "../../lora/meshtastic/proto/meshtastic_pb.ts";
import { corrected, type NodeSettings } from "./node-settings.ts";

/** AdminModule.cpp, DEFAULT_REBOOT_SECONDS. */
const RESTART_SECONDS = 7;

export interface AdminOptions {
  settings: NodeSettings;
  metadata: () => Metadata;
  restart: (afterSeconds: number) => void;
  /** To the host, on the same port. */
  reply: (payload: Uint8Array, requestId: number) => void;
}

/** Settings that the host asks for, or changes: at once, or all together at a commit. */
export class Admin {
  private isEditing = false;

  constructor(private readonly options: AdminOptions) {}

  /** @returns how the request is answered where nothing else is */
  take({ payload }: Data, packetId: number): RoutingError {
    const { settings, restart, metadata } = this.options;
    if (settings.isManaged) return RoutingError.NOT_AUTHORIZED;
    const { content } = fromBinary(AdminMessageSchema, payload);
    switch (content.case) {
      case "getConfigRequest":
        if (content.value !== ConfigKind.LORA) return RoutingError.BAD_REQUEST;
        this.reply(packetId, {
          case: "getConfigResponse",
          value: create(ConfigSchema, { content: { case: "lora", value: settings.lora } }),
        });
        break;
      case "getMetadataRequest":
        this.reply(packetId, { case: "getMetadataResponse", value: metadata() });
        break;
      case "setConfig":
        if (content.value.content.case !== "lora") return RoutingError.BAD_REQUEST;
        this.set(content.value.content.value);
        break;
      case "beginEdit":
        this.isEditing = true;
        break;
      case "commitEdit":
        this.isEditing = false;
        restart(RESTART_SECONDS);
        break;
      case "rebootSeconds":
        restart(content.value);
        break;
      default:
        return RoutingError.BAD_REQUEST;
    }
    return RoutingError.NONE;
  }

  private set(lora: LoraConfig): void {
    this.options.settings.lora = corrected(lora);
    if (!this.isEditing) this.options.restart(RESTART_SECONDS);
  }

  private reply(
    requestId: number,
    content: NonNullable<Parameters<typeof create<typeof AdminMessageSchema>>[1]>["content"],
  ): void {
    const message = create(AdminMessageSchema, content === undefined ? {} : { content });
    this.options.reply(toBinary(AdminMessageSchema, message), requestId);
  }
}
