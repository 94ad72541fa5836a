import { Writer, type Written } from "./writers.ts";

export const READER = new Writer(2);
const ana = new Writer(1);

/** The same message for the same number, in every process. */
export const message = (number: number): Written =>
  ana.direct(READER, `message ${number}`, { sequence: number });

/** The reader's receipt of it. */
export const receiptOf = (number: number): Written =>
  READER.receipt("delivered", [message(number).id], { sequence: number });
