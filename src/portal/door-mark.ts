import { NATIVE_DOOR, OUTPOST_DOOR } from '../core/door-path.ts';
import type { Seal } from './sealed.ts';

/** A sign-in that the host of an app began. */
interface Begun {
  /** Where its cookie is given. */
  readonly origin: string;
  /** SHA-256 of the nonce. */
  readonly state: string;
}

/**
 * What tells the portal by which of its names a door began, where that is not the one that its app has: signed for this one
 * sign-in. A proxy may lead the other name to the app, and whoever makes a link could send a code there.
 */
export function doorMark(seal: Seal, { origin, state }: Begun, door: string): string {
  return seal.mac('door', `${origin}\n${state}\n${door}`);
}

/** The name of the door that `mark` was made for; undefined where it was made for no such sign-in. */
export function markedDoor(seal: Seal, { origin, state }: Begun, mark: string): string | undefined {
  return [OUTPOST_DOOR, NATIVE_DOOR].find((door) => seal.verify('door', `${origin}\n${state}\n${door}`, mark));
}
