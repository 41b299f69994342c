/** What a scan found: the head is whole and has one reading. */
export const COMPLETE = 0;
/** More bytes are needed. */
export const INCOMPLETE = 1;
