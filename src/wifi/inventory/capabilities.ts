/**
 * HT capabilities (IEEE 802.11-2020, 9.4.2.55.2) as hostapd's `ht_capab` writes them. Those of power saving are left
 * out: hostapd 2.10 knows them no more.
 * @param bits the 16 bits that `iw` prints as `Capabilities: 0x1062`
 */
export function htCapabilities(bits: number): string[] {
  const rxStbc = (bits >> 8) & 3;
  return [
    [bits & 0x0001, "[LDPC]"],
    [bits & 0x0002, "[HT40+]"],
    [bits & 0x0002, "[HT40-]"],
    [bits & 0x0010, "[GF]"],
    [bits & 0x0020, "[SHORT-GI-20]"],
    [bits & 0x0040, "[SHORT-GI-40]"],
    [bits & 0x0080, "[TX-STBC]"],
    [rxStbc, `[RX-STBC${"123".slice(0, rxStbc)}]`],
    [bits & 0x0400, "[DELAYED-BA]"],
    [bits & 0x0800, "[MAX-AMSDU-7935]"],
    [bits & 0x1000, "[DSSS_CCK-40]"],
    [bits & 0x4000, "[40-INTOLERANT]"],
    [bits & 0x8000, "[LSIG-TXOP-PROT]"],
  ].flatMap(([has, name]) => (has ? [String(name)] : []));
}

/**
 * VHT capabilities (IEEE 802.11-2020, 9.4.2.157.2) as hostapd's `vht_capab` writes them.
 * @param bits the 32 bits that `iw` prints as `VHT Capabilities (0x318001b0)`
 */
export function vhtCapabilities(bits: number): string[] {
  const mpdu = bits & 3;
  const width = (bits >>> 2) & 3;
  const rxStbc = (bits >>> 8) & 7;
  const ampdu = (bits >>> 23) & 7;
  const beamformer = bits & 0x0800;
  const beamformee = bits & 0x1000;
  return [
    [mpdu === 1, "[MAX-MPDU-7991]"],
    [mpdu === 2, "[MAX-MPDU-11454]"],
    [width === 1, "[VHT160]"],
    [width === 2, "[VHT160-80PLUS80]"],
    [bits & 0x0010, "[RXLDPC]"],
    [bits & 0x0020, "[SHORT-GI-80]"],
    [bits & 0x0040, "[SHORT-GI-160]"],
    [bits & 0x0080, "[TX-STBC-2BY1]"],
    [rxStbc >= 1 && rxStbc <= 4, `[RX-STBC-${"1234".slice(0, rxStbc)}]`],
    [beamformer, "[SU-BEAMFORMER]"],
    [beamformee, "[SU-BEAMFORMEE]"],
    [beamformee, `[BF-ANTENNA-${((bits >>> 13) & 7) + 1}]`],
    [beamformer, `[SOUNDING-DIMENSION-${((bits >>> 16) & 7) + 1}]`],
    [bits & 0x0008_0000, "[MU-BEAMFORMER]"],
    [bits & 0x0020_0000, "[VHT-TXOP-PS]"],
    [bits & 0x0040_0000, "[HTC-VHT]"],
    [ampdu, `[MAX-A-MPDU-LEN-EXP${ampdu}]`],
    [bits & 0x1000_0000, "[RX-ANTENNA-PATTERN]"],
    [bits & 0x2000_0000, "[TX-ANTENNA-PATTERN]"],
  ].flatMap(([has, name]) => (has ? [String(name)] : []));
}
