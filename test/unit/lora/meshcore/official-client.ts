import SerialConnection from "@liamcottle/meshcore.js/src/connection/serial_connection.js";

/** The official client, without a serial port: what it writes is recorded, and handed on. */
export class OfficialClient extends SerialConnection {
  readonly written: Uint8Array[] = [];
  readonly commands: Uint8Array[] = [];
  /** The last of each kind that it told its listeners. */
  readonly told = new Map<string | number, Record<string, unknown>>();

  constructor(private readonly onWritten: (bytes: Uint8Array) => void = () => {}) {
    super();
  }

  override async write(bytes: Uint8Array): Promise<void> {
    this.written.push(bytes);
    this.onWritten(bytes);
  }

  override async sendToRadioFrame(data: Uint8Array): Promise<void> {
    this.commands.push(data);
    await super.sendToRadioFrame(data);
  }

  /** Its listeners are called later; here it is at once. */
  override emit(event: string | number, ...data: Record<string, unknown>[]): void {
    if (data[0]) this.told.set(event, data[0]);
    super.emit(event, ...data);
  }

  /** What it takes a frame's content for. */
  understood(code: number, content: Uint8Array): Record<string, unknown> | undefined {
    this.told.delete(code);
    this.onFrameReceived(content);
    return this.told.get(code);
  }
}

/** The one command that it writes for something. */
export async function officialCommand(ask: (client: OfficialClient) => Promise<void>): Promise<Uint8Array> {
  const client = new OfficialClient();
  await ask(client);
  const [command] = client.commands;
  if (!command) throw new Error("the official client wrote nothing");
  return command;
}
