/*
 * What stands in front of a payload that is no text. No text in UTF-8 has these bytes (RFC 3629, section 1), so texts need
 * no mark of their own.
 */

/** A datagram of the mesh. */
export const MESH_PAYLOAD = 0xc1;
/** Bundles, and what boxes tell each other about them. */
export const BUNDLE_PAYLOAD = 0xc0;
