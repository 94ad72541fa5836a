import { createHash } from "node:crypto";
import type { LockedPackage } from "../app/npm-lock.ts";
import type { DebianPackage } from "./debian-packages.ts";

export interface SbomOptions {
  /** Of the image. */
  name: string;
  version: string;
  /** Since 1970: when what it was built from was committed. */
  seconds: number;
  debian: readonly DebianPackage[];
  npm: readonly LockedPackage[];
  suite: string;
}

const NO_ASSERTION = "NOASSERTION";

/**
 * All that an image is made of, as SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3). The same parts give the same bytes.
 */
export function spdxDocument({ name, version, seconds, debian, npm, suite }: SbomOptions): string {
  const image = {
    SPDXID: "SPDXRef-image",
    name,
    versionInfo: version,
    licenseDeclared: "Apache-2.0",
    comment: undefined,
  };
  const packages = [
    { ...image, purl: undefined, supplier: NO_ASSERTION },
    ...debian.map((one) => ({
      SPDXID: idOf("deb", one.name, one.version),
      name: one.name,
      versionInfo: one.version,
      licenseDeclared: NO_ASSERTION,
      supplier: "Organization: Debian",
      purl: `pkg:deb/debian/${encodeURIComponent(one.name)}@${encodeURIComponent(one.version)}?arch=${one.architecture}&distro=${suite}`,
      comment: `${one.isInstalled ? "installed" : "taken from, not installed"}; source ${one.source}`,
    })),
    ...npm.map((one) => ({
      SPDXID: idOf("npm", one.name, one.version),
      name: one.name,
      versionInfo: one.version,
      licenseDeclared: isExpression(one.licence) ? one.licence : NO_ASSERTION,
      supplier: NO_ASSERTION,
      purl: `pkg:npm/${one.name.replace("@", "%40")}@${one.version}`,
      comment: undefined,
    })),
  ];
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${name} ${version}`,
    documentNamespace: `urn:sha256:${sha256(JSON.stringify([name, version, packages]))}`,
    creationInfo: {
      created: new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
      creators: ["Tool: omerta-box-image-build"],
    },
    packages: packages.map(({ purl, ...one }) => ({
      ...one,
      downloadLocation: NO_ASSERTION,
      filesAnalyzed: false,
      licenseConcluded: NO_ASSERTION,
      copyrightText: NO_ASSERTION,
      ...(purl
        ? {
            externalRefs: [
              { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl },
            ],
          }
        : {}),
    })),
    relationships: [
      relationship("SPDXRef-DOCUMENT", "DESCRIBES", image.SPDXID),
      ...packages.slice(1).map(({ SPDXID }) => relationship(image.SPDXID, "CONTAINS", SPDXID)),
    ],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

const relationship = (from: string, relationshipType: string, to: string) => ({
  spdxElementId: from,
  relationshipType,
  relatedSpdxElement: to,
});

/** Letters, digits, "." and "-" alone (7.2); the hash tells apart what becomes the same by that. */
function idOf(kind: string, name: string, version: string): string {
  const plain = `${name}-${version}`.replace(/[^A-Za-z0-9.-]/g, "-");
  return `SPDXRef-${kind}-${plain}-${sha256(`${name} ${version}`).slice(0, 8)}`;
}

/** Some packages say "SEE LICENSE IN …". */
const isExpression = (licence: string | undefined): licence is string =>
  licence !== undefined && /^[\w.+()-]+( (AND|OR|WITH) [\w.+()-]+)*$/.test(licence);

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
