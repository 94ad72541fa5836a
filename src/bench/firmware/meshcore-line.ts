const FROM_HOST = 0x3c;
const TO_HOST = 0x3e;
const MAX_FRAME_BYTES = 176;

/** @returns undefined: the firmware writes nothing when a frame is too long */
export function wrapped(content: Uint8Array): Uint8Array {
  if (content.length > MAX_FRAME_BYTES) return new Uint8Array();
  const frame = new Uint8Array(3 + content.length);
  frame[0] = TO_HOST;
  frame[1] = content.length;
  frame.set(content, 3);
  return frame;
}

/**
 * Reads commands as ArduinoSerialInterface.cpp of MeshCore does: whatever length is announced is waited for, and what is
 * over 176 bytes is thrown away.
 */
export class CommandReader {
  private state: "idle" | "low" | "high" | "content" = "idle";
  private length = 0;
  private content: number[] = [];
  private count = 0;

  constructor(private readonly onCommand: (command: Uint8Array) => void) {}

  push(bytes: Uint8Array): void {
    for (const byte of bytes) this.take(byte);
  }

  private take(byte: number): void {
    switch (this.state) {
      case "idle":
        if (byte === FROM_HOST) this.state = "low";
        return;
      case "low":
        this.length = byte;
        this.state = "high";
        return;
      case "high":
        this.length |= byte << 8;
        this.content = [];
        this.count = 0;
        this.state = this.length > 0 ? "content" : "idle";
        return;
      case "content":
        if (this.count < MAX_FRAME_BYTES) this.content.push(byte);
        this.count++;
        if (this.count < this.length) return;
        this.state = "idle";
        this.onCommand(Uint8Array.from(this.content));
    }
  }
}
