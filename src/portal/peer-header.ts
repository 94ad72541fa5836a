/** The header by which the TLS front names its peer; believed on its private socket alone. */
export const PEER_HEADER = "x-omerta-peer";
