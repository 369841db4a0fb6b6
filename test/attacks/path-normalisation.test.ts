/**
 * Path normalisation. `/public` is open, `/admin` is not, and the app behind decodes what the gate did not:
 * `/public/%2e%2e/admin`, `/public;/../admin`, `/%61dmin`, `/.//admin`. The gate sees a public path, the app serves the
 * other one.
 *
 * LemonLDAP CVE-2026-95811, Authelia CVE-2021-32637, Oathkeeper CVE-2026-33494, seven of Traefik's. Hence: every reading
 * that some app may take is judged and the strictest decision stands; what has no honest reading is refused.
 */
import { runClass } from './run.ts';

runClass('path-normalisation');
