/** What a card takes before it is worn out. */
export interface CardKind {
  name: string;
  bytes: number;
  /** How often each of its cells can be written. */
  cycles: number;
  /** What the card writes for each byte that it is given: it erases in large blocks, and small writes are spread over many. */
  amplification: number;
}

/**
 * The cheapest that is sold: 16 GB with three bits a cell, 300 cycles, the least that is told of such chips
 * (http://micrometer.xyz/cdn/node/110). No maker says how much a card adds of its own to small synced writes: sixteen times
 * as much is an assumption on the safe side, a page of 16 KiB for a quarter of a block of the file system.
 */
export const CHEAP_CARD: CardKind = {
  name: "a cheap card of 16 GB",
  bytes: 16e9,
  cycles: 300,
  amplification: 16,
};

const HOURS_A_YEAR = 8_766;

/** How many years a card lasts. @param bytesAnHour as the box writes them */
export const yearsOfCard = ({ bytes, cycles, amplification }: CardKind, bytesAnHour: number): number =>
  (bytes * cycles) / (bytesAnHour * amplification) / HOURS_A_YEAR;

/** What may be written in an hour for a card to last so many years, in bytes. */
export const bytesAnHourFor = ({ bytes, cycles, amplification }: CardKind, years: number): number =>
  (bytes * cycles) / amplification / (years * HOURS_A_YEAR);
