/**
 * Strict UTF-8 (RFC 3629): no overlong forms ("%c0%af" is no slash), no surrogates, nothing above U+10FFFF; undefined
 * for anything else. C1 control characters are let through; callers that mind them say so.
 */
export function decodeUtf8(bytes: readonly number[]): string | undefined {
  let out = '';
  for (let i = 0; i < bytes.length; ) {
    const b = bytes[i++] ?? 0;
    if (b < 0x80) {
      out += String.fromCharCode(b);
      continue;
    }
    const more = b >= 0xc2 && b < 0xe0 ? 1 : b >= 0xe0 && b < 0xf0 ? 2 : b >= 0xf0 && b < 0xf5 ? 3 : 0;
    if (more === 0) return undefined;
    let point = b & (0x3f >> more);
    for (let k = 0; k < more; k++) {
      const next = bytes[i++] ?? 0;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = point * 64 + (next & 0x3f);
    }
    const least = more === 3 ? 0x10000 : more === 2 ? 0x800 : 0x80;
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    out += String.fromCodePoint(point);
  }
  return out;
}

/** Bytes of the text as UTF-8. For text without lone surrogates, as JSON is. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const surrogate = unit >= 0xd800 && unit < 0xe000;
    bytes += unit < 0x80 ? 1 : unit < 0x800 || surrogate ? 2 : 3;
  }
  return bytes;
}
