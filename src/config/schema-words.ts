import { z } from 'zod';

/** A string; `title` is the noun in messages. */
export const text = (title: string, description: string) => z.string().meta({ title, description });
/** A duration, which may be a bare number of seconds. */
export const duration = (description: string) =>
  z.union([z.string(), z.number()]).meta({ title: 'a duration such as 30s, 5m or 1h30m', description });
/** A duration, or false for none. */
export const orOff = (description: string) =>
  z
    .union([z.string(), z.number(), z.literal(false)])
    .meta({ title: 'a duration such as 5m or 30d, or off', description });
/** A string or a list of them. */
export const words = (title: string, description: string) =>
  z.union([z.string(), z.array(z.string())]).meta({ title, description });
