/** As package.json has it; a test keeps them equal, and reading a file costs a start more than a constant. */
export const VERSION = '0.2.0';
