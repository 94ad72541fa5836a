/** The boards that there are images for, as `npm run image -- --board` names them. */
export const BOARDS = ["pc-amd64", "rpi-arm64"] as const;
export type Board = (typeof BOARDS)[number];

/** What a bundle says it is for; RAUC takes no other. */
export const compatibleOf = (board: Board): string => `omerta-box-${board}`;
