/** A network's name may have 32 bytes (IEEE 802.11-2020, 9.4.2.2). */
const MAX_BYTES = 32;

/** The open network's name: the configured one, or the box's own, cut between letters. */
export function networkName(ssid: string, boxName: string): string {
  return cut(ssid === "" ? boxName : ssid, MAX_BYTES);
}

/** The name of the encrypted twin, which is hidden: phones find it through the open network. */
export function twinName(ssid: string): string {
  return `${cut(ssid, MAX_BYTES - 4)}-owe`;
}

function cut(text: string, bytes: number): string {
  const letters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  while (Buffer.byteLength(letters.join("")) > bytes) letters.pop();
  return letters.join("");
}
