/**
 * The names under which a browser may store a Set-Cookie value (RFC 6265bis §5.7): the part before the first "=", and
 * for a nameless cookie (`=lintel=x`, or no "=" at all) what its value looks like when it is sent back in a Cookie line.
 */
export function setCookieNames(value: string): string[] {
  const semicolon = value.indexOf(';');
  const pair = semicolon < 0 ? value : value.slice(0, semicolon);
  const eq = pair.indexOf('=');
  const name = (eq < 0 ? pair : pair.slice(0, eq)).trim();
  if (name !== '') return [name];
  const rest = pair.slice(eq + 1);
  const second = rest.indexOf('=');
  return [(second < 0 ? rest : rest.slice(0, second)).trim()];
}
