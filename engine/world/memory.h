#ifndef FL_WORLD_MEMORY_H
#define FL_WORLD_MEMORY_H

/* How this process takes memory. Owns: nothing. Threads: before others are started.
 * Limits: none of its own. */

/* For a process that makes and frees messages by the thousand: small pieces are joined when they
 * are freed. Kept apart for speed, as is usual, they are all gone through at each larger request
 * (four times the cost of a launch, measured with a thousand a turn). Does nothing where the C
 * library has no such thing. */
void fl_memory_tune(void);

#endif
