/** The pages of one place by path; each answers what it has a handler for. */
export type Routes<H> = ReadonlyMap<string, { readonly GET?: H; readonly POST?: H }>;

export type Routed<H> =
  | { readonly kind: 'found'; readonly handler: H }
  | { readonly kind: 'no-page' }
  /** `allow`: the value of the `Allow` header (RFC 9110 §10.2.1). */
  | { readonly kind: 'no-method'; readonly allow: string };

/** Which handler answers; HEAD is answered as GET is (RFC 9110 §9.3.2). */
export function routed<H>(routes: Routes<H>, path: string, method: string): Routed<H> {
  const page = routes.get(path);
  if (page === undefined) return { kind: 'no-page' };
  const handler = method === 'GET' || method === 'HEAD' ? page.GET : method === 'POST' ? page.POST : undefined;
  if (handler !== undefined) return { kind: 'found', handler };
  const allow = [...(page.GET === undefined ? [] : ['GET', 'HEAD']), ...(page.POST === undefined ? [] : ['POST'])];
  return { kind: 'no-method', allow: allow.join(', ') };
}
