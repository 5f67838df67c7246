/** One DER element inside a buffer: tag, the whole of it, its content. */
export interface DerElement {
  tag: number;
  whole: Buffer;
  content: Buffer;
}

/** The elements that `bytes` are made of, one after the other. */
export function derElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const tag = bytes.readUInt8(offset);
    const first = bytes.readUInt8(offset + 1);
    const size = first < 0x80 ? 0 : first & 0x7f;
    if (first >= 0x80 && (size === 0 || size > 4)) throw new Error("DER with a bad length");
    const start = offset + 2 + size;
    const length = size === 0 ? first : bytes.readUIntBE(offset + 2, size);
    if (start + length > bytes.length) throw new Error("DER ends early");
    elements.push({
      tag,
      whole: bytes.subarray(offset, start + length),
      content: bytes.subarray(start, start + length),
    });
    offset = start + length;
  }
  return elements;
}

/** Fields of a certificate's body (TBSCertificate), the optional version left out: serial, algorithm, issuer, dates, subject, key, … */
function bodyFields(certificate: Buffer): DerElement[] {
  const body = derElements(derElements(certificate)[0]?.content ?? Buffer.alloc(0))[0];
  const fields = derElements(body?.content ?? Buffer.alloc(0));
  return fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
}

/** A certificate's subject as it is encoded. */
export function subjectName(certificate: Buffer): Buffer {
  return bodyFields(certificate)[4]?.whole ?? Buffer.alloc(0);
}

/** Value of a certificate's extension, or undefined where it has none; `oid` is the identifier as DER. */
export function extensionValue(certificate: Buffer, oid: Buffer): Buffer | undefined {
  const wrapper = bodyFields(certificate).find(({ tag }) => tag === 0xa3);
  const extensions = wrapper ? derElements(derElements(wrapper.content)[0]?.content ?? Buffer.alloc(0)) : [];
  const parts = extensions.map(({ content }) => derElements(content)).filter(([id]) => id?.whole.equals(oid));
  if (parts.length > 1) throw new Error("a certificate with an extension twice");
  return parts[0]?.at(-1)?.content;
}
