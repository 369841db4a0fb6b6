import type { RawApp } from '../schema-app.ts';
import { listed, type Scope } from '../scope.ts';
import type { Path } from '../tree.ts';
import { type AppRouting, compileRouting } from './routing.ts';

/** `backend`, `host_header`, `mappings` and `allowed_backends` of an app; what is wrong with them is reported. */
export function readRouting(raw: RawApp, path: Path, scope: Scope): AppRouting | undefined {
  const { backend, host_header } = raw;
  const mappings = listed(raw.mappings, ['mappings']);
  const allowed_backends =
    raw.allowed_backends === undefined ? undefined : listed(raw.allowed_backends, ['allowed_backends']);
  if (allowed_backends !== undefined && backend === undefined && mappings.length === 0)
    scope.warn([...path, 'allowed_backends'], 'No expression here makes a backend.', 'Add backend: or mappings:.');
  if ((backend !== undefined || host_header !== undefined) && raw.upstream === undefined)
    scope.warn(
      [...path, backend === undefined ? 'host_header' : 'backend'],
      'Lintel forwards nothing to this app, so this has no effect.',
      'Add upstream: http://127.0.0.1:8080, or leave it out.',
    );
  return compileRouting({ backend, host_header, mappings, allowed_backends }, scope.compilers, (at, message, hint) =>
    scope.error([...path, ...at], message, hint),
  );
}
