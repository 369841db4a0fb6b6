/** Base64 with padding (RFC 4648 §4) of a string with one character for each byte. */
export function base64(bytes: string): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes.charCodeAt(i), bytes.charCodeAt(i + 1), bytes.charCodeAt(i + 2)];
    out += letter(a >> 2) + letter(((a & 3) << 4) | (Number.isNaN(b) ? 0 : b >> 4));
    out += Number.isNaN(b) ? '=' : letter(((b & 15) << 2) | (Number.isNaN(c) ? 0 : c >> 6));
    out += Number.isNaN(c) ? '=' : letter(c & 63);
  }
  return out;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function letter(sextet: number): string {
  return ALPHABET.charAt(sextet);
}
