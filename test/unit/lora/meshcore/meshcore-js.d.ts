// biome-ignore-all lint/style/noDefaultExport: the package exports so
/** What these tests use of the official client, which has no types of its own. */
declare module "@liamcottle/meshcore.js/src/connection/serial_connection.js" {
  export default abstract class SerialConnection {
    emit(event: string | number, ...data: Record<string, unknown>[]): void;
    write(bytes: Uint8Array): Promise<void>;
    onDataReceived(bytes: Uint8Array): Promise<void>;
    onFrameReceived(frame: Uint8Array): void;
    sendToRadioFrame(data: Uint8Array): Promise<void>;
    sendCommandDeviceQuery(version: number): Promise<void>;
    sendCommandAppStart(): Promise<void>;
    sendCommandGetContacts(since?: number): Promise<void>;
    sendCommandGetDeviceTime(): Promise<void>;
    sendCommandGetBatteryVoltage(): Promise<void>;
    sendCommandGetStats(kind: number): Promise<void>;
    sendCommandSyncNextMessage(): Promise<void>;
    sendCommandSendSelfAdvert(kind: number): Promise<void>;
    sendCommandSendTxtMsg(
      type: number,
      attempt: number,
      timestamp: number,
      prefix: Uint8Array,
      text: string,
    ): Promise<void>;
    sendCommandSendChannelData(
      channel: number,
      pathLength: number,
      path: Uint8Array,
      dataType: number,
      data: Uint8Array,
    ): Promise<void>;
    sendCommandSendRawData(path: readonly number[], data: Uint8Array): Promise<void>;
    sendCommandSetRadioParams(kHz: number, bandwidthHz: number, sf: number, cr: number): Promise<void>;
    sendCommandSetTxPower(dbm: number): Promise<void>;
    sendCommandResetPath(key: Uint8Array): Promise<void>;
    getSelfInfo(timeoutMs?: number): Promise<Record<string, unknown>>;
    getContacts(): Promise<Record<string, unknown>[]>;
    sendTextMessage(key: Uint8Array, text: string): Promise<Record<string, unknown>>;
    sendChannelTextMessage(channel: number, text: string): Promise<void>;
    setRadioParams(kHz: number, bandwidthHz: number, sf: number, cr: number): Promise<void>;
    setTxPower(dbm: number): Promise<void>;
  }
}

declare module "@liamcottle/meshcore.js/src/packet.js" {
  export default class Packet {
    static fromBytes(bytes: Uint8Array): Packet;
    route_type_string: string;
    payload_type_string: string;
    payload_version: number;
    path: Uint8Array;
    payload: Uint8Array;
  }
}

declare module "@liamcottle/meshcore.js/src/advert.js" {
  export default class Advert {
    static fromBytes(bytes: Uint8Array): Advert;
    publicKey: Uint8Array;
    timestamp: number;
    parsed: { type: string; lat: number | null; lon: number | null; name: string | null };
    isVerified(): Promise<boolean>;
  }
}
