import type { Board as WholeBoard } from "../board.ts";

/** A board by its name, as `npm run image -- --board` has it. */
export type Board = WholeBoard["name"];

/** What a bundle says it is for; RAUC takes no other. */
export const compatibleOf = (board: Board): string => `omerta-box-${board}`;
