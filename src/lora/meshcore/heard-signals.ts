interface Signal {
  packetType: number;
  snrDb: number;
  rssiDbm: number;
}

const MAX_REMEMBERED = 32;

/** Types of packets on the air (src/Packet.h of MeshCore). */
export const PACKET = { textMessage: 2, groupData: 6, rawCustom: 15 } as const;

/**
 * A message comes with its SNR only, but the radio tells the RSSI of every packet when it hears it: the oldest packet
 * of the same type and SNR is the one.
 */
export class HeardSignals {
  private signals: Signal[] = [];

  note(signal: Signal): void {
    this.signals.push(signal);
    if (this.signals.length > MAX_REMEMBERED) this.signals.shift();
  }

  /** @returns undefined where the radio did not tell, as of packets that are too long for its frames */
  rssiOf(packetType: number, snrDb: number | undefined): number | undefined {
    const at = this.signals.findIndex((signal) => signal.packetType === packetType && signal.snrDb === snrDb);
    if (at < 0) return undefined;
    return this.signals.splice(at, 1)[0]?.rssiDbm;
  }
}
