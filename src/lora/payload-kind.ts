/**
 * What stands in front of a payload that is no text. No text in UTF-8 has this byte (RFC 3629, section 1), so texts need
 * no mark of their own.
 */
export const MESH_PAYLOAD = 0xc1;
