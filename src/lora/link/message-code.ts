/** What makes messages shorter for the air. */
export interface MessageCode {
  /** Makes ready what the first message would wait for. */
  warm?(): void;
  encode(message: Uint8Array): Uint8Array;
  /** @throws Error when the bytes are no coded message, or one of more than `maxBytes` */
  decode(coded: Uint8Array, maxBytes: number): Uint8Array;
}
